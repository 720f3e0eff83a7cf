//! The format of `.env`.

use std::{collections::BTreeMap, fs};

use super::{super::dotenv, vars};

#[test]
fn an_env_file_is_read_as_people_write_it() {
    let text = "\u{feff}# comment\n\nexport A=1 # after a value\nB = two words\nC=\nD=#no comment\nE= # empty\r\n\
        F=[\"http://a\", \"http://b\"] # list\nG='single # ${A} \\n' # after\nH=\"a\\n\\\"b\\\" \\$ \\d #\"\n\
        I=pa$$word#1\nJ=${A}-${B}-${NONE:-x}-${NONE}\nK=\"one\ntwo\"\nL=a=b\nM=${A\n";
    let expected = vars(&[
        ("A", "1"),
        ("B", "two words"),
        ("C", ""),
        ("D", "#no comment"),
        ("E", ""),
        ("F", r#"["http://a", "http://b"]"#),
        ("G", "single # ${A} \\n"),
        ("H", "a\n\"b\" $ \\d #"),
        ("I", "pa$$word#1"),
        ("J", "1-two words-x-"),
        ("K", "one\ntwo"),
        ("L", "a=b"),
        ("M", "${A"),
    ]);
    assert_eq!(dotenv::parse(text, &BTreeMap::new()).unwrap(), expected);
}

#[test]
fn a_reference_prefers_the_process_over_the_file() {
    let parsed = dotenv::parse("A=file\nB=${A}", &vars(&[("A", "process")])).unwrap();
    assert_eq!(parsed["B"], "process");
}

#[test]
fn a_broken_line_is_named_without_its_value() {
    let allowed = "allowed: NAME=value with closed quotes, a # comment or an empty line";
    let table = [
        ("A=1\nhunter2\n", "***", 2),
        ("A=\"hunter2\n\nB=2\n", "A=***", 1),
        ("A='hunter2' hunter2", "A=***", 1),
        ("# x\n\nmy key=hunter2", "***", 3),
    ];
    for (text, shown, line) in table {
        let error = dotenv::parse(text, &BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error, format!(".env line {line} is \"{shown}\"; {allowed}"));
    }
}

#[test]
fn an_env_file_need_not_exist_but_must_be_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    assert!(dotenv::read(&path).unwrap().is_empty());
    fs::write(&path, "A=1").unwrap();
    assert_eq!(dotenv::read(&path).unwrap(), "A=1");
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(dotenv::read(&path).is_err());
}
