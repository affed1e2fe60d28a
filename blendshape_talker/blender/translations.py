"""The extension's words in other languages, through Blender's own translations; English where there are none.

Blender looks up names, tips and labels by itself. Text that is put together goes through :func:`translated` first, so
that the sentence is translated and then filled in.
"""

import bpy

# English -> German. One table for names, buttons and tips: Blender asks for buttons in a context of their own.
GERMAN = {
    "Head": "Kopf", "Performance": "Darbietung", "Options": "Optionen", "Bake": "Backen", "Bake Again": "Neu backen",
    "Bake Another Line": "Weitere Zeile backen", "Import": "Importieren", "Demo Head": "Demokopf",
    "Add Mouth": "Mund hinzufügen", "Recording": "Aufnahme", "Emotion": "Gefühl", "Intensity": "Stärke",
    "Choose…": "Auswählen…", "None": "Keine", "File": "Datei", "Start Frame": "Startbild", "Blinks": "Lidschläge",
    "Take": "Fassung", "Auto": "Automatisch", "From Voice": "Aus der Stimme", "Style": "Sprechstil",
    "Style File": "Stildatei", "From File": "Aus Datei", "Average": "Durchschnitt", "Clear": "Deutlich",
    "Subdued": "Verhalten", "Mumbling": "Nuschelnd",
    "Takes": "Fassungen", "Next Take": "Nächste Fassung", "Cues": "Gefühlsliste",
    "Expression Strength": "Stärke des Ausdrucks", "Speech Strength": "Stärke des Sprechens", "Export": "Exportieren",
    "Curves": "Kurven", "Head and Eyes": "Kopf und Augen",
    "Emotions on the Timeline": "Gefühle auf der Zeitleiste", "Length": "Länge", "Add Emotion": "Gefühl hinzufügen",
    "Swap": "Tauschen", "Refresh": "Auffrischen", "Swap changes: {}": "Tauschen ändert: {}",
    "Adjust over Time": "Anpassen über die Zeit", "Speech": "Sprechen", "Upper Face": "Obere Gesichtshälfte",
    "Lower Face": "Untere Gesichtshälfte", "Lip Smoothing": "Lippen glätten", "Lip Delay": "Lippen verzögern",
    "Lips Closer": "Lippen näher", "Lids Lower": "Lider tiefer", "Reset": "Zurücksetzen",
    "Add Joints": "Gelenke hinzufügen", "Turn as Object": "Als Objekt drehen", "Head Motion": "Kopfbewegung",
    "Gaze": "Blick", "Another Motion": "Andere Bewegung", "Another Motion (Take {})": "Andere Bewegung (Fassung {})",
    "Keyed": "Mit Keys",
    "Out of Step": "Nicht im Takt", "Bring in Step": "In Takt bringen",
    "Neutral": "Neutral", "Happy": "Fröhlich", "Sad": "Traurig", "Angry": "Wütend", "Afraid": "Ängstlich",
    "Disgusted": "Angeekelt", "Surprised": "Überrascht", "Contemptuous": "Verächtlich",
    "no line on this head yet; bake first": "dieser Kopf spricht noch nicht; erst backen",
    "no head chosen; import one, add the demo head or pick a mesh":
        "kein Kopf gewählt; einen importieren, den Demokopf hinzufügen oder ein Mesh wählen",
    "no recording chosen; pick a WAV, FLAC, OGG or MP3 file":
        "keine Aufnahme gewählt; eine Datei (WAV, FLAC, OGG oder MP3) wählen",
    "no emotion strip is selected in the NLA editor or at the playhead":
        "im NLA-Editor ist kein Gefühl ausgewählt, und am Abspielkopf liegt keines",
    "the head does not speak here; move the playhead into a line":
        "hier spricht der Kopf nicht; den Abspielkopf in eine Zeile setzen",
    "Let the head speak the recording: shape keys, NLA strips and a sound strip. Other lines and keys stay":
        "Den Kopf die Aufnahme sprechen lassen: Shape-Keys, NLA-Streifen, Tonstreifen. Andere Zeilen und Keys bleiben",
    "Put an emotion at the playhead: a strip in track Expression, to be moved and faded in the NLA editor":
        "Ein Gefühl an den Abspielkopf setzen: ein Streifen in der Spur Expression, zum Verschieben und Überblenden",
    "Give the selected emotion strips, or the one at the playhead, this emotion; their places and fades stay":
        "Den gewählten Streifen, oder dem am Abspielkopf, dieses Gefühl geben; Ort und Blenden bleiben",
    "Let lips and blinks follow strips that were moved, faded or muted by hand, so that the lips still meet":
        "Lippen und Lider den Streifen nachführen, die von Hand verändert wurden, damit die Lippen sich weiter treffen",
    "Give the chosen head an armature, so that head and eyes move with each recording. Shape keys stay as they are":
        "Dem gewählten Kopf eine Armatur geben: Kopf und Augen bewegen sich mit jeder Aufnahme. Shape-Keys bleiben",
    "Let the face follow its sound strip where that was moved or cut, or the sound its face":
        "Das Gesicht dem Tonstreifen nachführen, wo der verschoben oder geschnitten wurde, oder den Ton dem Gesicht",
    "Put all these sliders back to what was baked, and remove their keys":
        "Alle diese Regler auf das Gebackene zurückstellen und ihre Keys entfernen",
}  # fmt: skip
_CONTEXTS = ("*", "Operator")
_OWNER = __package__


def translated(message: str) -> str:
    """``message`` in the language of Blender's interface; the message itself where nothing is known."""
    return str(bpy.app.translations.pgettext_iface(message))


def register() -> None:
    """Let Blender know the words."""
    words = {(context, english): german for english, german in GERMAN.items() for context in _CONTEXTS}
    bpy.app.translations.register(_OWNER, {"de_DE": words, "de": words})


def unregister() -> None:
    """The reverse of :func:`register`."""
    bpy.app.translations.unregister(_OWNER)
