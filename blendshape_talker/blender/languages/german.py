"""German, in the words that Blender's own German has: Formschlüssel, Schlüsselbild, Streifen, Spur, Skelett."""

from .german_messages import MESSAGES
from .german_tips import TIPS

_EMOTIONS = {
    "Neutral": "Neutral", "Happy": "Fröhlich", "Sad": "Traurig", "Angry": "Wütend", "Afraid": "Ängstlich",
    "Disgusted": "Angeekelt", "Surprised": "Überrascht", "Contemptuous": "Verächtlich", "Pleased": "Erfreut",
    "Excited": "Begeistert", "Proud": "Stolz", "Smirk": "Süffisant", "Determined": "Entschlossen",
    "Confused": "Verwirrt", "Suspicious": "Misstrauisch", "Irritated": "Gereizt", "Afraid (Mild)": "Ängstlich (leicht)",
    "Disappointed": "Enttäuscht", "Moody": "Missmutig", "Bored": "Gelangweilt", "Tired": "Müde",
    "Pain": "Schmerzerfüllt",
}  # fmt: skip

_LABELS = {
    # panels
    "Head": "Kopf", "Performance": "Darbietung", "Options": "Optionen", "Takes": "Fassungen", "Curves": "Kurven",
    "Head and Eyes": "Kopf und Augen", "Emotions on the Timeline": "Gefühle auf der Zeitleiste",
    "Adjust over Time": "Anpassen über die Zeit", "Export": "Exportieren", "Out of Step": "Nicht im Takt",
    # buttons
    "Import": "Importieren", "Import FLAME Mesh": "FLAME-Mesh importieren", "Demo Head": "Demokopf",
    "Add Demo Head": "Demokopf hinzufügen", "Add Mouth": "Mund hinzufügen", "Open Recording": "Aufnahme öffnen",
    "Open Cues": "Gefühlsliste öffnen", "Clear Cues": "Gefühlsliste entfernen", "Choose…": "Auswählen…",
    "Bake": "Backen", "Bake Again": "Neu backen", "Bake Another Line": "Weitere Zeile backen",
    "Bake over hand-made animation": "Über Handarbeit backen", "Cancel": "Abbrechen", "Show Line": "Zeile zeigen",
    "Start After the Last Line": "Nach der letzten Zeile beginnen", "Add Emotion": "Hinzufügen",
    "Swap": "Tauschen", "Refresh": "Aktualisieren", "Show Strips": "Streifen zeigen", "Reset": "Zurücksetzen",
    "Next Take": "Nächste Fassung", "Bake Range": "Bereich backen", "Reduce Keys": "Schlüsselbilder ausdünnen",
    "Frame Rate": "Bildrate", "Make from Motion": "Aus Bewegung machen", "Save as Style": "Als Sprechstil sichern",
    "Use for Next Bake": "Fürs nächste Backen wählen",
    "Keep My Keys": "Meine Schlüsselbilder behalten", "Export Head": "Kopf exportieren", "Test": "Testen",
    "Check": "Prüfen", "Add Joints": "Gelenke hinzufügen", "Turn as Object": "Als Objekt drehen",
    "Another Motion": "Andere Bewegung", "Another Motion (Take {})": "Andere Bewegung (Fassung {})",
    "Bring in Step": "In Takt bringen",
    # properties
    "Recording": "Aufnahme", "Emotion": "Gefühl", "Intensity": "Intensität", "None": "Keine", "File": "Datei",
    "Start Frame": "Startbild", "Blinks": "Lidschläge", "Take": "Fassung", "From Voice": "Aus der Stimme",
    "Style": "Sprechstil", "Style File": "Stildatei", "Cues": "Gefühlsliste", "Length": "Länge",
    "Expression Strength": "Stärke des Ausdrucks", "Speech Strength": "Stärke des Sprechens", "Speech": "Sprechen",
    "Upper Face": "Gesicht oben", "Lower Face": "Gesicht unten", "Lip Smoothing": "Lippen glätten",
    "Lip Delay": "Lippen später", "Lips Closer": "Lippen näher", "Lids Lower": "Lider tiefer",
    "Head Motion": "Kopfbewegung", "Gaze": "Blick", "Keyed": "Animiert",
    "Replace Hand-made Animation": "Handarbeit ersetzen", "Error": "Fehler", "Come Back In": "Zurück nach",
    "First Frame": "Erstes Bild", "Last Frame": "Letztes Bild", "Frames": "Einzelbilder",
    "Attached Meshes": "Angehängte Meshes", "Scale of 1": "Skalierung von 1", "Neutralise": "Neutralisieren",
    "Device": "Gerät", "PyTorch Folder": "PyTorch-Ordner",
    # items
    "Basic": "Grundgefühle", "More": "Weitere", "Auto": "Automatisch", "Average": "Durchschnitt", "Clear": "Deutlich",
    "Subdued": "Verhalten", "Mumbling": "Nuschelnd", "From File": "Aus Datei", "Whole Take": "Ganze Fassung",
    "In use: {}": "In Gebrauch: {}",
    "Scene Range": "Bildbereich der Szene", "Automatic": "Automatisch", "CPU": "CPU", "CUDA": "CUDA", "Metal": "Metal",
}  # fmt: skip

GERMAN = {
    **_EMOTIONS,
    **_LABELS,
    **TIPS,
    **MESSAGES,
    **{
        f"Speak with this emotion: {english.lower()}": f"Mit diesem Gefühl sprechen: {german.lower()}"
        for english, german in _EMOTIONS.items()
        if english != "Neutral"
    },
}
