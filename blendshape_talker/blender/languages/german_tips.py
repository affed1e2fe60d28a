"""German for what a tooltip says: of buttons, of properties and of their items."""

TIPS = {
    # buttons
    "Import a FLAME mesh: OBJ, PLY, NPZ or FLAME's model file. It is put upright and shown":
        "Ein FLAME-Mesh importieren: OBJ, PLY, NPZ oder die Modelldatei von FLAME. Es wird aufgerichtet und gezeigt",
    "Add the bundled head, which has FLAME's vertices and faces of our own, and show it":
        "Den mitgelieferten Kopf hinzufügen und zeigen; er hat die Punkte von FLAME und eigene Flächen",
    "Give the chosen head teeth, gums and tongue, which FLAME's mesh lacks. They follow its shape keys":
        "Dem gewählten Kopf Zähne, Zahnfleisch und Zunge geben, die FLAME fehlen. Sie folgen seinen Formschlüsseln",
    "Choose the recording that the head speaks: WAV, FLAC, OGG or MP3":
        "Die Aufnahme wählen, die der Kopf spricht: WAV, FLAC, OGG oder MP3",
    "Let emotions come and go: a table (CSV: start,end,emotion) or a transcript (SRT, VTT) with [angry] in it":
        "Gefühle kommen und gehen lassen: eine Tabelle (CSV: start,end,emotion) oder ein Transkript (SRT, VTT) mit "
        "[angry] darin",
    "Go back to one emotion for the whole recording": "Zurück zu einem Gefühl für die ganze Aufnahme",
    "Let the head speak the recording: shape keys, NLA strips and a sound strip. Other lines and keys stay":
        "Den Kopf die Aufnahme sprechen lassen: Formschlüssel, NLA-Streifen und ein Tonstreifen. Andere Zeilen und "
        "Schlüsselbilder bleiben",
    "The line was edited by hand. Bake it all the same; the edited Actions stay in the file":
        "Die Zeile wurde von Hand bearbeitet. Trotzdem backen; die bearbeiteten Aktionen bleiben in der Datei",
    "Stop the bake; the scene stays as it is": "Das Backen anhalten; die Szene bleibt, wie sie ist",
    "Go to a frame in which this line speaks": "Zu einem Bild gehen, in dem diese Zeile spricht",
    "Set the start frame to where the last line has ended, so that the next bake adds a line":
        "Das Startbild hinter das Ende der letzten Zeile setzen, damit das nächste Backen eine Zeile hinzufügt",
    "Put an emotion at the playhead: a strip in track Expression, to be moved and faded in the NLA editor":
        "Ein Gefühl an den Abspielkopf setzen: ein Streifen in der Spur Expression, zum Verschieben und Überblenden "
        "im NLA-Editor",
    "Give the selected emotion strips, or the one at the playhead, this emotion; their places and fades stay":
        "Den ausgewählten Gefühlsstreifen, oder dem am Abspielkopf, dieses Gefühl geben; Ort und Blenden bleiben",
    "Let lips and blinks follow strips that were moved, faded or muted by hand, so that the lips still meet":
        "Lippen und Lidschläge den Streifen nachführen, die von Hand verschoben, geblendet oder stummgeschaltet "
        "wurden, damit die Lippen sich weiter treffen",
    "Show the strips under the head, in an NLA editor": "Die Streifen unter dem Kopf zeigen, in einem NLA-Editor",
    "Put all these sliders back to what was baked, and remove their keys":
        "Alle diese Regler auf das Gebackene zurückstellen und ihre Schlüsselbilder entfernen",
    "Bake the line at the playhead again as another performance; the recording is not heard again":
        "Die Zeile am Abspielkopf als andere Darbietung neu backen; die Aufnahme wird nicht noch einmal angehört",
    "Bake only some frames of the line at the playhead as another take; the seams cannot be seen":
        "Nur einige Bilder der Zeile am Abspielkopf als andere Fassung backen; die Nähte sieht man nicht",
    "Let some frames of the line at the playhead play another take":
        "Einige Bilder der Zeile am Abspielkopf eine andere Fassung spielen lassen",
    "Replace the line's keys on every frame by few Bézier keys, none of which moves a vertex by more than the error":
        "Die Schlüsselbilder der Zeile auf jedem Bild durch wenige Bézier-Schlüsselbilder ersetzen, die keinen Punkt "
        "weiter als den Fehler verschieben",
    "Let the curves pass through the keys that you set on single frames, keep their detail and come back. Closed lips\n"
    "    stay closed":
        "Die Kurven durch die Schlüsselbilder führen, die einzeln gesetzt wurden; sie behalten ihre Feinheiten und "
        "kehren zurück. Geschlossene Lippen bleiben geschlossen",
    "Export the animated head: its whole take or the scene's range":
        "Den animierten Kopf exportieren: seine ganze Fassung oder den Bildbereich der Szene",
    "Time ten seconds of speech on the CPU and on every GPU that PyTorch finds, and say which to choose":
        "Zehn Sekunden Sprache auf der CPU und auf jeder GPU messen, die PyTorch findet, und sagen, was zu wählen ist",
    "Try the folder's PyTorch in a process of its own: right Python, a GPU, the same result as the bundled one":
        "Das PyTorch des Ordners in einem eigenen Prozess erproben: passendes Python, eine GPU, dasselbe Ergebnis wie "
        "das mitgelieferte",
    "Give the chosen head an armature, so that head and eyes move with each recording. Shape keys stay as they are":
        "Dem gewählten Kopf ein Skelett geben, damit Kopf und Augen sich mit jeder Aufnahme bewegen. Die "
        "Formschlüssel bleiben, wie sie sind",
    "Let the chosen head turn as an object with each recording; eyes stay still. For heads that take no joints":
        "Den gewählten Kopf sich mit jeder Aufnahme als Objekt drehen lassen; die Augen bleiben still. Für Köpfe, die "
        "keine Gelenke bekommen können",
    "Another performance of head and eyes for the line at the playhead, from its recording alone: mouth and face stay."
    "\n    Keys that hands changed make room; their Actions stay in the file":
        "Eine andere Darbietung von Kopf und Augen für die Zeile am Abspielkopf, allein aus ihrer Aufnahme: Mund und "
        "Gesicht bleiben. Von Hand geänderte Schlüsselbilder machen Platz; ihre Aktionen bleiben in der Datei",
    "Let the face follow its sound strip where that was moved or cut, or the sound its face":
        "Das Gesicht seinem Tonstreifen nachführen, wo der verschoben oder geschnitten wurde, oder den Ton dem Gesicht",
    # the buttons' own properties
    "The performance to bake, which the panel then shows; -1: the one that it shows":
        "Die Darbietung, die gebacken wird und die das Panel dann zeigt; -1: die, die es zeigt",
    "Let keys that were edited by hand make room; their Actions stay in the file":
        "Von Hand bearbeitete Schlüsselbilder Platz machen lassen; ihre Aktionen bleiben in der Datei",
    "The performance to put there": "Die Darbietung, die dorthin kommt",
    "Keys that you set between the frames stay as they are":
        "Schlüsselbilder, die zwischen den Bildern gesetzt wurden, bleiben, wie sie sind",
    "How far the farthest vertex may leave its place": "Wie weit der fernste Punkt seinen Ort verlassen darf",
    "Time from a key until the curve is what it was":
        "Zeit von einem Schlüsselbild, bis die Kurve wieder ist, wie sie war",
    "From the first to the last frame in which the head is animated":
        "Vom ersten bis zum letzten Bild, in dem der Kopf animiert ist",
    "The frame range of the scene": "Der Bildbereich der Szene",
    "Also what hangs on the head, such as its mouth": "Auch, was am Kopf hängt, etwa sein Mund",
    "Write an FBX whose objects have a scale of 1, as Unity and Unreal like it, in place of 100":
        "Eine FBX schreiben, deren Objekte eine Skalierung von 1 statt 100 haben, wie Unity und Unreal es mögen",
    "Take out the expression that the head was made with, a smile for one, as far as it can be told":
        "Den Ausdruck herausnehmen, mit dem der Kopf gemacht wurde, etwa ein Lächeln, soweit er sich erkennen lässt",
    "Its number; -1 is the next one": "Ihre Nummer; -1 ist die nächste",
    # what to bake
    "The FLAME head to animate": "Der FLAME-Kopf, der animiert wird",
    "Path of the speech to animate: WAV, FLAC, OGG or MP3":
        "Pfad der Sprache, nach der animiert wird: WAV, FLAC, OGG oder MP3",
    "The face that goes with the words": "Das Gesicht zu den Worten",
    "The face of speech alone": "Das Gesicht des Sprechens allein",
    "Hear the emotions in the voice; they become strips to edit":
        "Die Gefühle aus der Stimme heraushören; sie werden zu Streifen, die sich bearbeiten lassen",
    "Path of a table (CSV) or transcript (SRT, VTT) that says which emotion is felt when":
        "Pfad einer Tabelle (CSV) oder eines Transkripts (SRT, VTT), worin steht, wann welches Gefühl herrscht",
    "How much of the emotion, or of all cues, to bake; 1 is plain to see":
        "Wie viel von dem Gefühl oder von der ganzen Liste gebacken wird; 1 ist deutlich zu sehen",
    "The voice's own share in the emotion: 0 as chosen above, 1 as heard in the recording":
        "Der Anteil der Stimme am Gefühl: 0 wie oben gewählt, 1 wie in der Aufnahme gehört",
    "How the mouth is used: how far it opens and how far its corners go":
        "Wie der Mund gebraucht wird: wie weit er sich öffnet und wie weit seine Winkel gehen",
    "As people do on average": "Wie Menschen es im Durchschnitt tun",
    "Opens and widens more": "Öffnet sich weiter und wird breiter",
    "Opens and widens less": "Öffnet sich weniger und wird weniger breit",
    "Hardly opens; lips that meet still meet": "Öffnet sich kaum; Lippen, die sich treffen, treffen sich weiter",
    "Save how this line moves the mouth, with your keys in it, as a speaking style for other recordings":
        "Wie diese Zeile den Mund bewegt, samt eigenen Schlüsselbildern, als Sprechstil für andere Aufnahmen sichern",
    "Make a speaking style of the chosen recording and its captured motion: curves of Live Link Face, weights of\n"
    "    animate, or vertices. It is written beside the motion":
        "Aus der gewählten Aufnahme und ihrer aufgezeichneten Bewegung einen Sprechstil machen: Kurven von Live Link "
        "Face, Gewichte von animate oder Punkte. Er liegt dann neben der Bewegung",
    "Frames a second of the motion where its file does not tell":
        "Bilder je Sekunde der Bewegung, wo deren Datei es nicht sagt",
    "Choose this style for the next bake, under Options":
        "Diesen Sprechstil für das nächste Backen wählen, unter Optionen",
    "A person's own: a file of the command 'style', or 5 s and more of that voice":
        "Der eines Menschen: eine Datei des Befehls 'style', oder mindestens 5 s seiner Stimme",
    "Path of a person's speaking style (NAME.style), or of a recording of that person":
        "Pfad zum Sprechstil eines Menschen (NAME.style) oder zu einer Aufnahme von ihm",
    "Frame at which the recording starts": "Bild, bei dem die Aufnahme beginnt",
    "Let the eyes blink now and then": "Die Augen ab und zu blinzeln lassen",
    "Another number is another performance of the same recording, in the mouth and in the face":
        "Eine andere Zahl ist eine andere Darbietung derselben Aufnahme, im Mund und im Gesicht",
    # what is baked
    "The emotion of the next strip": "Das Gefühl des nächsten Streifens",
    "How much of the emotion the next strip shows": "Wie viel von dem Gefühl der nächste Streifen zeigt",
    "How long the next strip is": "Wie lang der nächste Streifen ist",
    "How strong the expression plays in the line at the playhead: 1 as baked, 0 speech and blinks. "
    "Fade it over time with the influence of its strip in the NLA editor":
        "Wie stark der Ausdruck in der Zeile am Abspielkopf spielt: 1 wie gebacken, 0 nur Sprechen und Lidschläge. "
        "Über die Zeit blendet ihn der Einfluss seines Streifens im NLA-Editor",
    "How far the mouth moves in the line at the playhead: 1 as baked, less mumbles, more exaggerates":
        "Wie weit der Mund sich in der Zeile am Abspielkopf bewegt: 1 wie gebacken, weniger nuschelt, mehr übertreibt",
    "How far the head moves in the line at the playhead: 1 as baked, 0 not at all. Fade it over time with the "
    "influence of its strip in the NLA editor":
        "Wie weit der Kopf sich in der Zeile am Abspielkopf bewegt: 1 wie gebacken, 0 gar nicht. Über die Zeit blendet "
        "ihn der Einfluss seines Streifens im NLA-Editor",
    "How far the eyes move in the line at the playhead: 1 as baked, 0 not at all. Fade it over time with the "
    "influence of its strip in the NLA editor":
        "Wie weit die Augen sich in der Zeile am Abspielkopf bewegen: 1 wie gebacken, 0 gar nicht. Über die Zeit "
        "blendet sie der Einfluss ihres Streifens im NLA-Editor",
    "How far the mouth moves: 1 as baked, 0 not at all":
        "Wie weit der Mund sich bewegt: 1 wie gebacken, 0 gar nicht",
    "How strong emotions show on brows and lids: 1 as baked, 0 not at all":
        "Wie stark Gefühle sich an Brauen und Lidern zeigen: 1 wie gebacken, 0 gar nicht",
    "How strong emotions show on cheeks and mouth: 1 as baked, 0 not at all":
        "Wie stark Gefühle sich an Wangen und Mund zeigen: 1 wie gebacken, 0 gar nicht",
    "How far a blink shuts the eyes: 1 all the way, 0 not at all":
        "Wie weit ein Lidschlag die Augen schließt: 1 ganz, 0 gar nicht",
    "Over how many milliseconds the motion of the lips is averaged":
        "Über wie viele Millisekunden die Bewegung der Lippen gemittelt wird",
    "By how many milliseconds the lips come after the sound; below 0 before it":
        "Um wie viele Millisekunden die Lippen nach dem Ton kommen; unter 0 vor ihm",
    "By how many millimetres the lips are closer; below 0 farther apart":
        "Um wie viele Millimeter die Lippen näher beieinander sind; unter 0 weiter auseinander",
    "By how many millimetres the lids hang lower; below 0 the eyes open wider":
        "Um wie viele Millimeter die Lider tiefer hängen; unter 0 öffnen die Augen sich weiter",
    # preferences
    "Where the networks run": "Wo die Netze rechnen",
    "The fastest device that PyTorch finds": "Das schnellste Gerät, das PyTorch findet",
    "Works everywhere": "Geht überall",
    "An NVIDIA graphics card": "Eine Grafikkarte von NVIDIA",
    "An Apple graphics processor": "Ein Grafikprozessor von Apple",
    "Folder of your own with a CUDA build of PyTorch; empty for the one that the extension brings":
        "Eigener Ordner mit einem CUDA-Build von PyTorch; leer für das, das die Erweiterung mitbringt",
}  # fmt: skip
