//! Judges who share no code with us: published libraries that verify what we have made, and make what we verify. Those
//! in JavaScript come with the packages that the tests need anyway; those in Python run by `cargo dev test --judges`.
//!
//! A judge is a program: it reads a question as JSON on its standard input and answers in JSON on its standard output.

mod case;
mod oauth;
mod python;
mod seals;
mod tokens;
mod wycheproof;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::task::spawn_blocking;

use self::case::Case;

/// A judge: what runs it, with which options, and its file beside this one.
#[derive(Clone, Debug)]
struct Judge {
    program: OsString,
    script: &'static str,
    options: &'static [&'static str],
}

impl Judge {
    /// One in JavaScript.
    fn node(script: &'static str) -> Self {
        Self { program: "node".into(), script, options: &[] }
    }

    /// One in Python, with the packages that `cargo dev test --judges` has installed.
    fn python(script: &'static str) -> Self {
        let program =
            std::env::var_os("E2E_PYTHON").expect("E2E_PYTHON, as `cargo dev test --judges` sets it");
        // Isolated: a script does not hide the package that is named like it.
        Self { program, script, options: &["-I"] }
    }

    /// The name by which the hostile tokens know it: its file's, without what follows the dot.
    fn name(&self) -> &'static str {
        self.script.split('.').next().unwrap_or_default()
    }

    /// The answer to a question.
    async fn ask(&self, question: Value) -> Value {
        let judge = self.clone();
        // Other parts of the test may have to work meanwhile.
        spawn_blocking(move || judge.answer(&question)).await.expect("an answer")
    }

    fn answer(&self, question: &Value) -> Value {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(&self.program)
            .args(self.options)
            .arg(tests.join("e2e/judges").join(self.script))
            .current_dir(tests)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a judge");
        let mut input = process.stdin.take().expect("its standard input");
        input.write_all(question.to_string().as_bytes()).expect("a question");
        drop(input);
        let output = process.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", self.script);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {said}", self.script))
    }

    /// What the judge says of each case, given with what it has to know for it: `good`, or why not.
    async fn verdicts(&self, mut question: Value, cases: &[Case]) -> Vec<String> {
        question["cases"] = cases.iter().map(|case| case.value.clone()).collect();
        let answer = self.ask(serde_json::json!({"verify": question})).await;
        let verdicts: Vec<String> = serde_json::from_value(answer["verdicts"].clone()).expect("verdicts");
        assert_eq!(verdicts.len(), cases.len(), "{}", self.script);
        verdicts
    }

    /// Wants the judge to find each of these good.
    async fn finds_good(&self, question: &Value, cases: &[Case]) {
        for (case, verdict) in cases.iter().zip(self.verdicts(question.clone(), cases).await) {
            assert_eq!(verdict, "good", "{}: {}: {}", self.script, case.name, case.value);
        }
    }

    /// Wants the judge to find none of these good.
    async fn finds_bad(&self, question: &Value, cases: &[Case]) {
        for (case, verdict) in cases.iter().zip(self.verdicts(question.clone(), cases).await) {
            assert_ne!(verdict, "good", "{}: {}: {}", self.script, case.name, case.value);
        }
    }
}
