//! What is given, brought into a graph's order and seen to fit.

use super::{Array, Dim, InferError, Port};

/// The arrays in the order of `inputs`, each seen to fit.
pub(super) fn arrange(
    inputs: &[Port],
    given: Vec<(String, Array)>,
) -> Result<Vec<Array>, InferError> {
    let mut places: Vec<Option<Array>> = vec![None; inputs.len()];
    for (name, array) in given {
        let at = inputs.iter().position(|port| port.name == name);
        let Some((port, place)) = at.and_then(|at| Some((inputs.get(at)?, places.get_mut(at)?)))
        else {
            return Err(InferError::UnknownInput { name, known: known(inputs) });
        };
        if place.is_some() {
            return Err(InferError::Twice { name });
        }
        check(port, &array)?;
        *place = Some(array);
    }
    let missing = |(place, port): (Option<Array>, &Port)| {
        place.ok_or_else(|| InferError::MissingInput { name: port.name.clone() })
    };
    places.into_iter().zip(inputs).map(missing).collect()
}

/// The places of these outputs; all of them where none is named.
pub(super) fn wanted(outputs: &[Port], names: &[String]) -> Result<Vec<usize>, InferError> {
    let place = |name: &String| {
        outputs
            .iter()
            .position(|port| port.name == *name)
            .ok_or_else(|| InferError::UnknownOutput { name: name.clone(), known: known(outputs) })
    };
    if names.is_empty() {
        Ok((0..outputs.len()).collect())
    } else {
        names.iter().map(place).collect()
    }
}

fn known(ports: &[Port]) -> String {
    ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether an array can be this input.
fn check(port: &Port, array: &Array) -> Result<(), InferError> {
    let name = port.name.clone();
    let (given, wanted) = (array.element(), port.element);
    if given != wanted {
        return Err(InferError::Element { name, given: given.name(), wanted: wanted.name() });
    }
    let Some(dims) = &port.dims else { return Ok(()) };
    let fits = |(dim, &length): (&Dim, &usize)| match dim {
        Dim::Fixed(fixed) => *fixed == length,
        Dim::Free(_) => true,
    };
    let given = array.shape();
    if dims.len() == given.len() && dims.iter().zip(given).all(fits) {
        return Ok(());
    }
    Err(InferError::Shape { name, given: given.to_vec(), wanted: port.shape_text() })
}
