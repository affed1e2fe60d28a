"""German for what panels and reports say: whole sentences, some to be filled in."""

MESSAGES = {
    # why a button is grey, and what a panel says in place of fields
    "A bake is running; press Esc to stop it": "Es wird gebacken; Esc hält es an",
    "a test is running": "ein Test läuft",
    "name a folder first": "erst einen Ordner nennen",
    "go back to Object Mode first": "erst in den Objektmodus wechseln",
    "no head chosen; import one, add the demo head or pick a mesh":
        "kein Kopf gewählt; einen importieren, den Demokopf hinzufügen oder ein Mesh wählen",
    "no recording chosen; pick a WAV, FLAC, OGG or MP3 file":
        "keine Aufnahme gewählt; eine Datei (WAV, FLAC, OGG oder MP3) wählen",
    "{}: file not found; pick another recording": "{}: Datei nicht gefunden; eine andere Aufnahme wählen",
    "{} is no longer in this scene; pick or add a head":
        "{} ist nicht mehr in dieser Szene; einen Kopf wählen oder hinzufügen",
    "no line on this head yet; bake first": "dieser Kopf spricht noch nicht; erst backen",
    "the head has no line yet": "der Kopf spricht noch nicht",
    "the chosen head has no line yet; press Bake first": "der gewählte Kopf spricht noch nicht; erst Backen drücken",
    "the chosen head has no bake yet; press Bake first":
        "für den gewählten Kopf ist noch nichts gebacken; erst Backen drücken",
    "bake first": "erst backen",
    "bake first; then the head can be exported": "erst backen; dann lässt der Kopf sich exportieren",
    "no emotion strip is selected in the NLA editor or at the playhead":
        "im NLA-Editor ist kein Gefühl ausgewählt, und am Abspielkopf liegt keines",
    "the head does not speak here; move the playhead into a line":
        "hier spricht der Kopf nicht; den Abspielkopf in eine Zeile setzen",
    "an NLA editor is open already": "ein NLA-Editor ist schon offen",
    "sound and face are in step": "Ton und Gesicht sind im Takt",
    "they move with the next bake": "sie bewegen sich mit dem nächsten Backen",
    "choose the recording of {} above, and start frame {}, to take it again":
        "oben die Aufnahme von {} und das Startbild {} wählen, um eine andere Fassung zu backen",
    "{} was baked with style {}; choose it under Options to take it again, or press Bake":
        "{} wurde im Sprechstil {} gebacken; diesen unter Optionen wählen, um eine andere Fassung zu backen, "
        "oder Backen drücken",
    "style {}": "Sprechstil {}",
    "{} has joints, which turn it": "{} hat Gelenke, die ihn drehen",
    "{} has no joints; add them first": "{} hat keine Gelenke; erst welche hinzufügen",
    "{} has joints already": "{} hat schon Gelenke",
    "{} has an armature already; the head can be turned as a whole instead":
        "{} hat schon ein Skelett; stattdessen lässt der Kopf sich als Ganzes drehen",
    "{} comes from a library file; add the joints there":
        "{} kommt aus einer Bibliothek; die Gelenke dort hinzufügen",
    "{} is animated or constrained as an object; parent it to an empty and animate that":
        "{} ist als Objekt animiert oder beschränkt; einem leeren Objekt unterordnen und dieses animieren",
    "{} has a mouth already": "{} hat schon einen Mund",
    "{} is no mesh; pick the head's mesh": "{} ist kein Mesh; das Mesh des Kopfes wählen",
    "{} is linked from another file; make it local (Object > Relations > Make Local > All)":
        "{} ist aus einer anderen Datei verknüpft; lokal machen (Objekt > Beziehungen > Lokal machen > Alle)",
    "the mesh of {} is a library override, which keeps no new shape keys; make it local "
    "(Object > Relations > Make Local > Selected Objects and Data), or bake once in the library file":
        "das Mesh von {} ist ein Library Override, das keine neuen Formschlüssel behält; lokal machen (Objekt > "
        "Beziehungen > Lokal machen > Ausgewählte Objekte und Daten) oder einmal in der Bibliothek backen",
    "the mesh of {} is linked from another file; give the head its own "
    "(Object > Relations > Make Single User > Object & Data)":
        "das Mesh von {} ist aus einer anderen Datei verknüpft; dem Kopf ein eigenes geben (Objekt > Beziehungen > "
        "Einzelnen Benutzer erstellen > Objekt & Daten)",
    "frames {} to {} lie outside Blender's timeline, which ends at {}; choose another start frame":
        "die Bilder {} bis {} liegen außerhalb von Blenders Zeitleiste, die bei {} endet; ein anderes Startbild wählen",
    "{} is in {}; go back to Object Mode": "{} ist im {}; zurück in den Objektmodus wechseln",
    "{} has absolute shape keys; switch its shape keys to Relative":
        "{} hat absolute Formschlüssel; seine Formschlüssel auf Relativ stellen",
    "{} has an NLA strip in tweak mode; leave it (Tab in the NLA editor)":
        "{} hat einen NLA-Streifen im Optimierungsmodus; ihn verlassen (Tab im NLA-Editor)",
    "strips of {} lie in a meta strip; ungroup it in the NLA editor to bake it again":
        "Streifen von {} liegen in einem Metastreifen; ihn im NLA-Editor auflösen, um neu zu backen",
    "track {} is locked; unlock it in the NLA editor to bake {} again":
        "Spur {} ist gesperrt; sie im NLA-Editor entsperren, um {} neu zu backen",
    "{} belongs to the library file; choose another start frame, or bake it there":
        "{} gehört der Bibliothek; ein anderes Startbild wählen oder dort backen",
    "{} was baked by an older version; bake it again to have its emotions as strips":
        "{} wurde mit einer älteren Version gebacken; neu backen, um die Gefühle als Streifen zu haben",
    "{} was baked by an older version; bake it again to let it move":
        "{} wurde mit einer älteren Version gebacken; neu backen, damit sie sich bewegt",
    "track {} is locked; unlock it in the NLA editor to change the keys of {}":
        "Spur {} ist gesperrt; sie im NLA-Editor entsperren, um die Schlüssel von {} zu ändern",
    "the sequencer has no free channel for the sound; remove a strip there and bake again":
        "im Sequenzer ist für den Ton kein Kanal frei; dort einen Streifen entfernen und neu backen",
    "{}; free some space or name another file": "{}; Platz schaffen oder eine andere Datei nennen",
    # what keeps a bake from being seen
    "the NLA of this head is switched off; tick its shape keys in the NLA editor":
        "die NLA dieses Kopfes ist ausgeschaltet; im NLA-Editor bei seinen Formschlüsseln das Häkchen setzen",
    "an NLA strip is in tweak mode; leave it with Tab in the NLA editor":
        "ein NLA-Streifen ist im Optimierungsmodus; ihn mit Tab im NLA-Editor verlassen",
    "only track {} plays (solo); take its star off in the NLA editor":
        "nur Spur {} spielt (Solo); ihren Stern im NLA-Editor wegnehmen",
    "track {} is muted; tick it in the NLA editor": "Spur {} ist stumm; im NLA-Editor das Häkchen setzen",
    "strip {} in {} is muted": "Streifen {} in {} ist stumm",
    "strip {} has no influence; raise it in the NLA editor's sidebar":
        "Streifen {} hat keinen Einfluss; ihn in der Seitenleiste des NLA-Editors erhöhen",
    "one shape key is pinned; unpin it in the Shape Keys panel":
        "ein Formschlüssel ist angeheftet; ihn im Panel Formschlüssel lösen",
    "{} was baked at {} frames a second, the scene has {}; bake it again":
        "{} wurde mit {} Bildern je Sekunde gebacken, die Szene hat {}; neu backen",
    "the speech strength of {} is 0; turn it up": "die Stärke des Sprechens von {} ist 0; höher stellen",
    "the expression strength of {} is 0; turn it up": "die Stärke des Ausdrucks von {} ist 0; höher stellen",
    "{} lies outside the preview range; press Alt-P in the timeline to clear it":
        "{} liegt außerhalb des Vorschaubereichs; Alt-P in der Zeitleiste hebt ihn auf",
    "shape key {} is muted; tick in the Shape Keys panel":
        "Formschlüssel {} ist stumm; im Panel Formschlüssel das Häkchen setzen",
    "shape key {} and {} more are muted; tick in the Shape Keys panel":
        "Formschlüssel {} und {} weitere sind stumm; im Panel Formschlüssel die Häkchen setzen",
    "shape key {} is driven, which goes before the bake; remove the driver":
        "Formschlüssel {} hat einen Treiber, der dem Gebackenen vorgeht; den Treiber entfernen",
    "shape key {} and {} more are driven, which goes before the bake; remove the driver":
        "Formschlüssel {} und {} weitere haben Treiber, die dem Gebackenen vorgehen; die Treiber entfernen",
    "the slider of {} is narrower than 0 to 1; widen its range":
        "der Regler von {} ist enger als 0 bis 1; seinen Bereich weiten",
    "the slider of {} and {} more are narrower than 0 to 1; widen its range":
        "die Regler von {} und {} weiteren sind enger als 0 bis 1; ihren Bereich weiten",
    "action {} plays over the bake for {}; Keep My Keys (Curves) blends its keys in":
        "Aktion {} überspielt das Gebackene bei {}; Meine Schlüsselbilder behalten (Kurven) blendet ihre ein",
    "action {} plays over the bake for {} and {} more; Keep My Keys (Curves) blends its keys in":
        "Aktion {} überspielt das Gebackene bei {} und {} weiteren; Meine Schlüsselbilder behalten (Kurven) blendet "
        "ihre ein",
    "{} begins before frame 0; set a preview range to play it":
        "{} beginnt vor Bild 0; zum Abspielen einen Vorschaubereich setzen",
    "modifier {} takes the place of the shape keys; switch it off":
        "Modifikator {} tritt an die Stelle der Formschlüssel; ihn ausschalten",
    "{} is hidden in the viewport": "{} ist in der Ansicht versteckt",
    "{} is in a collection that is hidden or switched off; show it in the Outliner":
        "{} ist in einer Sammlung, die versteckt oder ausgeschaltet ist; im Outliner einblenden",
    # what the panel shows of a bake
    "{} (Esc stops)": "{} (Esc hält an)",
    "Starting": "Beginnt", "Loading the networks": "Lädt die Netze",
    "Stopping": "Hält an", "Listening": "Hört zu", "Moving the lips": "Bewegt die Lippen",
    "Reducing keys": "Dünnt Schlüsselbilder aus", "Writing to Blender": "Schreibt nach Blender",
    "{} cues": "{} Gefühle", "frames {} to {}": "Bilder {} bis {}",
    "{} of {} lip closures": "{} von {} Lippenschlüssen",
    "the lips hardly meet at frame {}; look there, or try another take":
        "die Lippen treffen sich kaum bei Bild {}; dort nachsehen oder eine andere Fassung versuchen",
    "the lips hardly meet at frames {}; look there, or try another take":
        "die Lippen treffen sich kaum bei den Bildern {}; dort nachsehen oder eine andere Fassung versuchen",
    "takes the place of {}; choose another start frame to keep both":
        "tritt an die Stelle von {}; ein anderes Startbild wählen, um beide zu behalten",
    "Swap changes: {}": "Tauschen ändert: {}", "Take {} plays": "Fassung {} spielt",
    "1 key is set on top of the bake": "1 Schlüsselbild liegt über dem Gebackenen",
    "{} keys are set on top of the bake": "{} Schlüsselbilder liegen über dem Gebackenen",
    "this Blender has no {} export": "dieses Blender exportiert kein {}", " and no ": " und kein ",
    "{}: the face moves {} frames after its sound": "{}: das Gesicht bewegt sich {} Bilder nach seinem Ton",
    "{}: the face moves {} frames before its sound": "{}: das Gesicht bewegt sich {} Bilder vor seinem Ton",
    "{}: sound and face are cut differently": "{}: Ton und Gesicht sind verschieden geschnitten",
    "Another PyTorch or Python than was checked": "Ein anderes PyTorch oder Python als geprüft wurde",
    "Not checked yet, so not used": "Noch nicht geprüft, daher nicht verwendet",
    # what Bake could not keep
    "Bake over what was made by hand?": "Über das backen, was von Hand gemacht wurde?",
    "No longer played: {}. Edited Actions stay in the file.":
        "Spielt dann nicht mehr: {}. Bearbeitete Aktionen bleiben in der Datei.",
    "changes made to the last bake": "Änderungen am zuletzt Gebackenen",
    "the keys of action {}": "die Schlüsselbilder der Aktion {}", "the cut of strip {}": "der Schnitt des Streifens {}",
    "the cut of sound strip {}": "der Schnitt des Tonstreifens {}", "emotion {}": "Gefühl {}",
    "what was done to strip {}": "was mit Streifen {} gemacht wurde",
    "adds a line": "fügt eine Zeile hinzu",
    "adds a line while {} still speaks (to frame {})":
        "fügt eine Zeile hinzu, während {} noch spricht (bis Bild {})",
    # reports
    "Stopped; nothing was changed": "Angehalten; nichts wurde geändert",
    "{} speaks {}, {}, {}": "{} spricht {}, {}, {}",
    "; playback now follows the sound, and scrubbing is heard":
        "; die Wiedergabe folgt nun dem Ton, und Scrubben ist zu hören",
    "that line is no longer there": "diese Zeile gibt es nicht mehr",
    "no style file chosen; pick one, or another style":
        "keine Stildatei gewählt; eine wählen oder einen anderen Sprechstil",
    "{}: the mouth opens {} times as far as the average, its corners move {} times":
        "{}: der Mund öffnet sich {}-mal so weit wie im Durchschnitt, die Mundwinkel bewegen sich {}-mal so weit",
    "choose the recording that goes with the motion first":
        "erst die Aufnahme wählen, die zu der Bewegung gehört",
    "chosen for the next bake": "für das nächste Backen gewählt",
    "no file named; choose one for the style": "keine Datei genannt; eine für den Sprechstil wählen",
    "{} was cut into pieces, changed in speed or baked by an older version; bake it again":
        "{} wurde zerschnitten, in der Geschwindigkeit geändert oder von einer älteren Fassung gebacken; neu backen",
    "{} for {} s from here on": "{} für {} s von hier an", "{} now {}": "{} jetzt {}",
    "{}: lips and blinks have a key in every frame again; Reduce Keys thins them":
        "{}: Lippen und Lidschläge haben wieder in jedem Bild ein Schlüsselbild; Schlüsselbilder ausdünnen hilft",
    "the 3D view is too low to share; open an NLA editor in another area":
        "die 3D-Ansicht ist zum Teilen zu niedrig; einen NLA-Editor in einem anderen Bereich öffnen",
    "Exported {}": "Exportiert: {}", "{} follows {}": "{} folgt {}",
    "{} is {}, {}": "{} ist {}, {}", "framed in the view": "in der Ansicht", "added": "hinzugefügt",
    "beside {}": "neben {}", "at the origin": "am Ursprung",
    "{} hangs on {}": "{} hängt an {}", " and moves with {} line": " und bewegt sich mit {} Zeile",
    " and moves with {} lines": " und bewegt sich mit {} Zeilen", "; {} stays still: {}": "; {} bleibt still: {}",
    "{} stands still": "{} steht still", "{} turns as an object": "{} dreht sich als Objekt",
    "{} moves as in take {} of its motion": "{} bewegt sich wie in Fassung {} seiner Bewegung",
    "Recording: {}": "Aufnahme: {}", "{} cues in {}": "{} Gefühle in {}",
    "the face follows its sound": "das Gesicht folgt seinem Ton",
    "the sound follows its face": "der Ton folgt seinem Gesicht", " and ": " und ",
    "in step already": "schon im Takt",
    "{} has no sound strip, or was cut into several; move them by hand":
        "{} hat keinen Tonstreifen oder wurde in mehrere geschnitten; sie von Hand verschieben",
    "sound strip {} is locked; unlock it in the sequencer": "Tonstreifen {} ist gesperrt; ihn im Sequenzer entsperren",
    "1 key": "1 Schlüsselbild", "{} keys": "{} Schlüsselbilder", "1 shape": "1 Form", "{} shapes": "{} Formen",
    "{} on {} kept in track {}, {} of them new": "{} auf {} in Spur {} behalten, davon {} neu",
    "{}, frames {} to {} are take {} now: {}": "{}, Bilder {} bis {} sind jetzt Fassung {}: {}",
    "{} curves": "{} Kurven", ", {} keys of yours kept": ", {} eigene Schlüsselbilder behalten",
    ", the emotions stay as they were arranged": ", die Gefühle bleiben, wie sie angeordnet waren",
    "{} keys became {} ({} times fewer); worst vertex {} mm off; lips closed in {} of {} frames as before":
        "aus {} Schlüsselbildern wurden {} (Faktor {}); fernster Punkt {} mm daneben; Lippen in {} von {} Bildern "
        "geschlossen wie zuvor",
    # errors
    "{} has hand-made animation ({}); confirm that the bake may replace it":
        "{} hat von Hand gemachte Animation ({}); bestätigen, dass das Backen sie ersetzen darf",
    "{} got hand-made animation meanwhile ({}); bake again":
        "{} hat inzwischen von Hand gemachte Animation bekommen ({}); neu backen",
    "{} is no longer in the scene; choose a head and bake again":
        "{} ist nicht mehr in der Szene; einen Kopf wählen und neu backen",
    "{} got another shape meanwhile; bake again": "{} hat inzwischen eine andere Form bekommen; neu backen",
    "the head was baked by another version; bake again, then its emotions can be changed":
        "der Kopf wurde mit einer anderen Version gebacken; neu backen, dann lassen seine Gefühle sich ändern",
    "frames {} to {} lie outside {}, which plays {} to {}":
        "die Bilder {} bis {} liegen außerhalb von {}, das von {} bis {} spielt",
    "frames {} to {} are too few; choose {} or more": "die Bilder {} bis {} sind zu wenige; mindestens {} wählen",
    "{} has no shape key for {}; bake the whole line first":
        "{} hat keinen Formschlüssel für {}; erst die ganze Zeile backen",
    "{} was baked at another frame rate; bake the whole line first":
        "{} wurde mit einer anderen Bildrate gebacken; erst die ganze Zeile backen",
    "{} was changed meanwhile; reduce its keys again":
        "{} wurde inzwischen geändert; die Schlüsselbilder noch einmal ausdünnen",
    "{} has no keys that could be reduced": "{} hat keine Schlüsselbilder, die sich ausdünnen ließen",
    "an NLA strip is in tweak mode; leave it with Tab in the NLA editor, then keep its keys":
        "ein NLA-Streifen ist im Optimierungsmodus; ihn mit Tab im NLA-Editor verlassen, dann die Schlüsselbilder "
        "behalten",
    "no keys were set by hand; in a frame put a shape key's value where you want it, press I over it, try again":
        "keine Schlüsselbilder von Hand gesetzt; in einem Bild den Wert eines Formschlüssels einstellen, darüber I "
        "drücken, noch einmal versuchen",
    "the key of {} at frame {} lies far from every line; move or delete it":
        "das Schlüsselbild von {} bei Bild {} liegt weit von jeder Zeile; verschieben oder löschen",
    "action {} is blended by {}; set it to Replace in the NLA editor":
        "Aktion {} wird durch {} überblendet; im NLA-Editor auf Ersetzen stellen",
    "{} has {} vertices, the blendshapes {}; bake again": "{} hat {} Punkte, die Blendshapes {}; neu backen",
    "the animation holds numbers that are not finite; check the recording":
        "die Animation enthält Zahlen, die nicht endlich sind; die Aufnahme prüfen",
    "this Blender has no {} export; enable its add-on or use blender.org's build":
        "dieses Blender exportiert kein {}; das Add-on dafür aktivieren oder das Blender von blender.org nehmen",
    "a strip of {} is being tweaked; press Tab in the NLA editor first":
        "ein Streifen von {} ist im Optimierungsmodus; erst Tab im NLA-Editor drücken",
    "the animation of {} is muted; switch its NLA tracks on first":
        "die Animation von {} ist stumm; erst ihre NLA-Spuren einschalten",
    "{}: cannot export {}; use {}": "{}: {} lässt sich nicht exportieren; möglich sind {}",
    "{}: cannot export without a suffix; use {}":
        "{}: ohne Endung lässt sich nicht exportieren; möglich sind {}",
    "{} export failed: {}": "Export nach {} gescheitert: {}",
    "{} export stopped; see Blender's console for the reason":
        "Export nach {} abgebrochen; der Grund steht in Blenders Konsole",
    "{} is not in this scene; switch to its scene": "{} ist nicht in dieser Szene; in seine Szene wechseln",
}  # fmt: skip
