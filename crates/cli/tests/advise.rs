//! `glasslab advise` as a new user meets it: what is wrong is said in one message, and good data get advice.

mod common;

use common::{glasslab, said};
use std::path::Path;

/// Rows of two inputs and a class: +1 right of a line.
fn table(rows: usize) -> String {
    let line = |k: usize| {
        let (a, b) = (((k * 37) % 101) as f64 / 50.0 - 1.0, ((k * 53) % 97) as f64 / 48.0 - 1.0);
        format!("{a},{b},{}\n", if a + 0.5 * b > 0.0 { "yes" } else { "no" })
    };
    "length,width,y\n".to_owned() + &(0..rows).map(line).collect::<String>()
}

/// Runs it, expects exit code 2, one message with all these words, and no run directory.
fn refused(folder: &Path, words: &[&str], expected: &[&str]) {
    let all: Vec<&str> = ["advise"].iter().chain(words).copied().collect();
    let output = glasslab(folder, &all);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words:?} said {said}");
    for word in expected {
        assert!(said.contains(word), "{words:?} should say `{word}`, said:\n{said}");
    }
    assert!(!said.contains("panicked") && said.matches("error:").count() == 1, "{said}");
    assert!(!folder.join("runs").exists(), "{words:?} left a run directory");
}

#[test]
fn what_is_wrong_with_the_data_is_said_in_one_message() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let write = |name: &str, text: &str| std::fs::write(d.join(name), text).unwrap();
    write("good.csv", &table(300));
    refused(d, &["--data", "gud.csv"], &["gud.csv", "is not there", "did you mean `good.csv`"]);
    refused(d, &["--data", "fashon-mnist"], &["did you mean `fashion-mnist`"]);
    refused(d, &["--data", "teacher"], &["glasslab plane"]);
    write("empty.csv", "");
    refused(d, &["--data", "empty.csv"], &["empty.csv", "is empty"]);
    write("heads.csv", "a,b,y\n");
    refused(d, &["--data", "heads.csv"], &["no samples"]);
    write("one.csv", &table(300).replace("yes", "no"));
    refused(d, &["--data", "one.csv"], &["column 3", "class `no`", "two classes"]);
    write("nan.csv", &table(300).replacen("-1,", "nan,", 1));
    refused(d, &["--data", "nan.csv"], &["line 2", "column 1", "`nan`"]);
    write("ragged.csv", &(table(300) + "1,2\n"));
    refused(d, &["--data", "ragged.csv"], &["line 302", "2 columns where 3"]);
    let real: String = (0..2000).map(|k| format!("{k},{}\n", k as f64 * 0.123)).collect();
    write("real.csv", &real);
    refused(d, &["--data", "real.csv"], &["2000 different classes", "whole numbers or words"]);
    write("few.csv", &table(60));
    refused(d, &["--data", "few.csv"], &["60 samples", "at least 192"]);
    write("notes.txt", "hello");
    refused(d, &["--data", "notes.txt"], &["notes.txt", ".csv", ".npz"]);
    write("not.npz", "hello, I am no archive");
    refused(d, &["--data", "not.npz"], &["not.npz"]);
    std::fs::create_dir(d.join("folder")).unwrap();
    refused(d, &["--data", "folder"], &["holds no data set"]);
    refused(d, &["--data", "good.csv", "--classes", "yess/no"], &["classes", "did you mean `yes`"]);
    refused(d, &["--data", "good.csv", "--classes", "yes"], &["slash"]);
    refused(d, &["--data", "good.csv", "--samples", "4000"], &["samples = 4000", "at most"]);
    refused(d, &["--data", "good.csv", "--components", "9"], &["components = 9", "at most 2"]);
    refused(d, &["--data", "good.csv", "--budget", "1e6"], &["budget", "too small", "at least"]);
    refused(d, &["--data", "good.csv", "--budget", "smal"], &["did you mean `small`", "5e12"]);
    // All complaints at once.
    let words =
        ["--data", "good.csv", "--budget", "-1", "--nets", "1", "--loss", "hinj", "--steps", "1", "--depth", "0"];
    refused(d, &words, &["budget = -1", "nets = 1", "loss = hinj", "steps = 1", "depth = 0"]);
}

#[test]
fn a_table_gets_advice_and_a_finished_run_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    std::fs::write(d.join("good.csv"), table(300)).unwrap();
    let words = [
        "advise",
        "--data",
        "good.csv",
        "--budget",
        "2e9",
        "--samples",
        "60",
        "--nets",
        "3",
        "--steps",
        "500",
        "--out",
        "a",
    ];
    let output = glasslab(d, &[&words[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for word in ["\"recommended\"", "\"expected\"", "\"back_test\"", "\"advice\"", "Recommended: width h ="] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(said(&output).contains("report: "), "{}", said(&output));
    for file in ["plan.toml", "summary.json", "manifest.json", "records/advise.nc", "report.html"] {
        assert!(d.join("a").join(file).is_file(), "{file}");
    }
    let again = glasslab(d, &words);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("--resume"), "{}", said(&again));
}

/// A limit on the size of files stands for a full disk: one clear message, and the same command with --resume goes on.
#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    let words = "advise --data digits --budget 5e9 --samples 60 --nets 3 --steps 500 --no-back-test";
    let plane = "plane --data digits --samples 40 --test 400 --widths 4,8 --alphas 1,100 --nets 3 --steps 300";
    for (verb, words) in [("advise", words), ("plane", plane)] {
        // Files of at most two blocks of 512 or 1024 bytes: the plan fits, points and nets do not.
        let script = format!("trap '' XFSZ; ulimit -f 2; exec \"$0\" {words} --out {verb}");
        let output = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_glasslab")])
            .current_dir(d)
            .output()
            .unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("cannot write") && text.contains("is unchanged"), "{text}");
        let whole: Vec<&str> = words.split(' ').collect();
        let fresh = glasslab(d, &[&whole[..], &["--out", &format!("{verb}-whole")]].concat());
        assert!(fresh.status.success(), "{}", said(&fresh));
        let resumed = glasslab(d, &[&whole[..], &["--out", verb, "--resume"]].concat());
        assert!(resumed.status.success(), "{}", said(&resumed));
        common::assert_same(&d.join(verb), &d.join(format!("{verb}-whole")));
    }
}

#[test]
fn absurd_maps_are_refused_with_all_complaints() {
    let dir = tempfile::tempdir().unwrap();
    let plane = |words: &[&str], expected: &[&str]| {
        let output = glasslab(dir.path(), &[&["plane", "--data", "digits"], words].concat());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?} said {said}");
        for word in expected {
            assert!(said.contains(word), "{words:?} should say `{word}`, said:\n{said}");
        }
        assert!(!dir.path().join("runs").exists() && !said.contains("panicked"), "{said}");
    };
    plane(&["--widths", "4,4", "--alphas", "1,1"], &["widths = 4", "alphas = 1", "once"]);
    plane(&["--widths", "", "--alphas", ""], &["widths"]);
    plane(&["--widths", "0", "--alphas", "-1"], &["hidden = 0", "alphas = -1"]);
    plane(&["--width", "4"], &["--widths"]);
    plane(&["--loss", "hinje"], &["loss = hinje", "hinge"]);
    plane(&["--activation", "rely"], &["activation = rely", "relu"]);
    plane(&["--components", "65"], &["components = 65", "at most 64"]);
    plane(&["--samples", "100000"], &["samples", "at most"]);
    plane(&["--nets", "0", "--steps", "0"], &["seeds = 0", "steps = 0"]);
}
