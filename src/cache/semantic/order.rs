//! Who is compared with whom: what the order of a question's words says.

use super::signature::Digest;

/// A thing whose place in the question matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    Name(Digest),
    Quality(Digest),
    /// A name where there are several of them.
    Day(Digest),
    Mark(Digest),
    /// A mark where it stands between two names.
    WeakMark(Digest),
    Pair,
    /// Something stood between what is before and behind.
    Gap,
}

/// Of the order of names and what joins them. Around "or" and "and" names may change places, unless
/// something gives the question a direction.
pub(super) fn order(elements: &[Element]) -> Digest {
    let elements = settled(elements);
    let mut groups: Vec<&[Element]> = elements
        .split(|element| *element == Element::Pair)
        .filter(|group| !group.is_empty())
        .collect();
    let directed = elements.iter().any(|element| matches!(element, Element::Mark(_)));
    if !directed {
        groups.sort_unstable();
    }
    let number = |element: &Element| match element {
        Element::Name(digest) => [1, digest.0],
        Element::Quality(digest) => [2, digest.0],
        Element::Mark(digest) | Element::WeakMark(digest) => [3, digest.0],
        Element::Pair | Element::Gap | Element::Day(_) => [4, 0],
    };
    let parts = groups
        .iter()
        .flat_map(|group| group.iter().flat_map(number).chain([5, group.len() as u64]));
    Digest::of_all(parts)
}

/// The elements that count: days where there are several; weak marks only between names; qualities,
/// numbers and negations only where there are several names that they could belong to.
fn settled(elements: &[Element]) -> Vec<Element> {
    let elements = with_days(elements);
    let is_name = |element: &Element| matches!(element, Element::Name(_));
    let first = elements.iter().position(is_name).unwrap_or(elements.len());
    let last = elements.iter().rposition(is_name).unwrap_or(0);
    let between = |at: usize| first < at && at < last;
    let parts =
        |element: &Element| matches!(element, Element::Gap | Element::Mark(_) | Element::Pair);
    let several = elements.iter().enumerate().any(|(at, element)| between(at) && parts(element));
    let kept = elements.iter().enumerate().filter_map(|(at, element)| match *element {
        Element::WeakMark(mark) => between(at).then_some(Element::Mark(mark)),
        Element::Quality(_) => several.then_some(*element),
        Element::Gap => None,
        other => Some(other),
    });
    kept.collect()
}

/// Days are names where there are several.
fn with_days(elements: &[Element]) -> Vec<Element> {
    let days = elements.iter().filter(|element| matches!(element, Element::Day(_))).count();
    let read = elements.iter().map(|element| match *element {
        Element::Day(day) if days > 1 => Element::Name(day),
        Element::Day(_) => Element::Gap,
        other => other,
    });
    read.collect()
}
