use super::*;

#[test]
#[ignore = "by hand"]
fn by_hand() {
    let out = std::env::var("OUT").unwrap();
    let begin = std::time::Instant::now();
    let imported =
        import(Path::new(&std::env::var("GGUF").unwrap()), Path::new(&out), &|_, _| {}).unwrap();
    eprintln!("{imported:#?} {:?}", begin.elapsed());
}
