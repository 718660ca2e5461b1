"""Phrases as src/skills/mood reads them, once more: what is fitted here is what counts there.

A test of that room compares both on every held-out message.
"""

import re
import unicodedata
from pathlib import Path

SKILLS = Path(__file__).parent.parent.parent / "src/skills"
LANGUAGES = {"en": "ENGLISH", "de": "GERMAN", "es": "SPANISH", "fr": "FRENCH"}
MOST, MAX_GAP, MAX_WORDS = 3, 6, 256
TRIGGERS = ["medical", "allergy", "legal", "person"]


def fold(char):
    char = char.lower().replace("ß", "ss").replace("æ", "ae").replace("œ", "oe").replace("ø", "o").replace("ł", "l")
    return "".join(c for c in unicodedata.normalize("NFD", char) if not unicodedata.combining(c))


def words(text):
    text = unicodedata.normalize("NFC", text)
    found = re.findall(r"\d(?:\d|[.,](?=\d))*|[^\W\d_]+", text)
    return ["".join(map(fold, word)).replace(",", ".") if word[0].isdigit() else "".join(map(fold, word)) for word in found]


def function_words():
    text = (SKILLS / "language.rs").read_text()
    read = lambda name: set(re.search(rf'const {name}: &str = "\\\n(.*?)";', text, re.S)[1].replace("\\\n", " ").split())
    return {code: read(name) for code, name in LANGUAGES.items()}


FUNCTION_WORDS = function_words()


def language_of(text):
    counts = {code: sum(word in known for word in words(text)) for code, known in FUNCTION_WORDS.items()}
    most = max(counts.values())
    best = [code for code, count in counts.items() if count == most]
    return best[0] if most > 0 and len(best) == 1 else None


def sections(language):
    at, found = None, {}
    for line in (SKILLS / f"mood/phrases/{language}.txt").read_text().splitlines():
        if line.startswith("["):
            at = line[1:-1]
        elif line and not line.startswith("#"):
            found.setdefault(at, []).append(line.split())
    return found


PHRASES = {language: sections(language) for language in LANGUAGES}


def matches(part, word):
    if part.endswith("*"):
        return part.strip("*") in word if part.startswith("*") else word.startswith(part[:-1])
    return part == word


def follows(parts, text, at):
    if not parts:
        return []
    part, rest = parts[0], parts[1:]
    options = part.split("/")
    if part == "^":
        return follows(rest, text, at) if at == 0 else None
    if at == len(text) and "$" in options:
        return follows(rest, text, at)
    if part == "_":
        gaps = (follows(rest, text, at + gap) for gap in range(MAX_GAP + 1) if at + gap <= len(text))
        return next((found for found in gaps if found is not None), None)
    if at >= len(text) or not any(matches(option, text[at]) for option in options):
        return None
    found = follows(rest, text, at + 1)
    return None if found is None else [at, *found]


def find(parts, text):
    found = (follows(parts, text, at) for at in range(len(text) + 1))
    return next((places for places in found if places is not None), None)


def hear(text, language):
    """Phrases of anger and of annoyance."""
    left, phrases = words(text)[:MAX_WORDS], PHRASES[language]
    for parts in phrases["harmless"]:
        for _ in range(MOST):
            for at in (places := find(parts, left) or []):
                left[at] = ""
            if not places:
                break
    count = lambda name: min(MOST, sum(find(parts, left) is not None for parts in phrases[name]))
    return count("anger"), count("annoyed")


def cues(text, language):
    """Phrases of anger, of annoyance, whether it is shouted, whether marks are doubled; and its language."""
    own = language_of(text) or language
    strong, mild = hear(text, own)
    if own != language:
        other = hear(text, language)
        strong, mild = max(strong, other[0]), max(mild, other[1])
    letters = sum(c.isalpha() for c in text)
    shouted = letters >= 10 and sum(c.isupper() for c in text) * 100 >= letters * 70
    marks = any(mark in text for mark in ["!!", "??", "?!", "!?"])
    return [strong, mild, int(shouted), int(marks)], own
