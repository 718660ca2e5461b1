use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

/// Compares convolutions of integers with another implementation's results.
///
/// `ENDCAP_TEST_FOLDER` has, for each case, a model (`*.onnx`), its input's bytes (`*.x`) for a
/// shape of 2 × channels × 9 × 11, and the output as 32-bit integers (`*.y`).
#[test]
#[ignore = "needs a folder of cases"]
#[allow(clippy::disallowed_methods, reason = "told by the person who compares")]
fn agree() {
    let folder = std::env::var("ENDCAP_TEST_FOLDER").expect("a folder");
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    cases.sort();
    let mut wrong = Vec::new();
    for case in &cases {
        let said = std::panic::catch_unwind(|| differing(case));
        let name = case.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match said {
            Ok(Ok((0, _))) => {}
            Ok(Ok((count, most))) => wrong.push(format!("{name}: {count} differ by up to {most}")),
            Ok(Err(error)) => wrong.push(format!("{name}: {error:#}")),
            Err(_) => wrong.push(format!("{name}: a panic")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// How many outputs differ, and by how much at most.
fn differing(case: &std::path::Path) -> TractResult<(usize, i32)> {
    let bytes = std::fs::read(case.with_extension("x"))?;
    let want = std::fs::read(case.with_extension("y"))?;
    let want = want.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes));
    let model = tract_onnx::onnx().with_ignore_output_shapes(true).model_for_path(case)?;
    let kind = model.input_fact(0)?.datum_type.concretize().unwrap_or(u8::datum_type());
    let shape = [2, bytes.len() / 2 / 99, 9, 11];
    let x = if kind == u8::datum_type() {
        Tensor::from_shape(&shape, &bytes)?
    } else {
        let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
        Tensor::from_shape(&shape, &signed)?
    };
    let y = model.into_optimized()?.into_runnable()?.run(tvec![x.into_tvalue()])?;
    let y = y[0].cast_to::<i32>()?.into_owned();
    let y = y.try_as_plain_ram()?;
    let differences = y.as_slice::<i32>()?.iter().zip(want).map(|(got, want)| (got - want).abs());
    let differences: Vec<i32> = differences.filter(|difference| *difference > 0).collect();
    Ok((differences.len(), differences.iter().copied().max().unwrap_or(0)))
}
