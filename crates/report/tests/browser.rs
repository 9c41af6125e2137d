//! The report, opened in a browser: every figure is drawn, nothing is asked of a network.

mod sample;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Chromium, if there is one: the environment variable `CHROMIUM`, or its usual names. Without one the tests say so
/// and do nothing, unless `CI=true`.
fn browser() -> Option<String> {
    let named = std::env::var("CHROMIUM").ok();
    let usual = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].map(str::to_owned);
    let works = |name: &String| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
    let found = named.into_iter().chain(usual).find(works);
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no Chromium: install it or set CHROMIUM");
        eprintln!("SKIPPED: no Chromium found; install it or set CHROMIUM to its path");
    }
    found
}

/// Runs the browser without a window on a file; what it prints.
fn open(browser: &str, folder: &Path, file: &Path, more: &[String]) -> String {
    let profile = folder.join(format!("profile-{}", file.file_stem().unwrap().to_string_lossy()));
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"])
        .args(["--disable-extensions", "--disable-default-apps", "--hide-scrollbars", "--timeout=20000"])
        // Whatever the browser itself would like to ask, it finds no one.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(more)
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn written(folder: &Path, name: &str, html: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, html).unwrap();
    path
}

/// What a script in the page (the page itself has none) measures of its figures once they are laid out.
const MEASURE: &str = r#"<script>
const lines = [];
for (const f of document.querySelectorAll('figure')) {
  const svg = f.querySelector('svg'), box = svg.getBoundingClientRect();
  let curves = 0, bad = 0, outside = 0;
  for (const p of svg.querySelectorAll('path.curve, circle.mark')) {
    const length = p.getTotalLength(), b = p.getBBox();
    if (Number.isFinite(length) && length > 0 && Number.isFinite(b.width + b.height + b.x + b.y)) curves++; else bad++;
  }
  for (const t of svg.querySelectorAll('text')) {
    const b = t.getBoundingClientRect();
    if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1) outside++;
  }
  lines.push(['MEASURED', f.id, svg.querySelectorAll('clipPath').length, curves, bad, outside, box.width > 200].join(' '));
}
const out = document.createElement('pre'); out.textContent = lines.join('\n'); document.body.append(out);
</script>"#;

#[test]
fn every_figure_is_drawn() {
    let Some(browser) = browser() else { return };
    let report = sample::report();
    let html = report.page().html();
    let dir = tempfile::tempdir().unwrap();
    let probe = without_policy(&html).replace("</body>", &format!("{MEASURE}</body>"));
    let seen = open(&browser, dir.path(), &written(dir.path(), "probe.html", &probe), &["--dump-dom".to_owned()]);
    let measured: Vec<Vec<&str>> = seen
        .lines()
        .filter_map(|l| l.split("MEASURED ").nth(1).filter(|_| !l.contains("lines.push")))
        .map(|l| l.split("</pre>").next().unwrap().split(' ').collect())
        .collect();
    let expected: Vec<String> = report.figures().iter().map(|f| f.id.clone()).collect();
    assert_eq!(measured.iter().map(|m| m[0]).collect::<Vec<_>>(), expected);
    assert!(expected.len() >= 8, "{expected:?}");
    for (figure, m) in report.figures().iter().zip(&measured) {
        let number = |k: usize| m[k].parse::<usize>().unwrap();
        assert_eq!(number(1), figure.panels.len(), "panels of {}", figure.id);
        assert!(number(2) >= figure.panels.iter().filter(|p| !p.curves.is_empty()).count(), "curves of {}", figure.id);
        assert_eq!((number(3), number(4), m[5]), (0, 0, "true"), "bad curves, texts outside, size of {}", figure.id);
    }
}

#[test]
fn no_request_leaves_the_page() {
    let html = sample::report().page().html();
    // In the text: nothing that a browser would load; links are followed only when clicked.
    for word in ["src=", "<link", "<script", "<iframe", "<img", "@import", "url(http", "srcset", "<object", "onload"] {
        assert!(!html.contains(word), "the page contains {word}");
    }
    for (at, _) in html.match_indices("http") {
        let before = &html[..at];
        let fine = before.ends_with("<a href=\"") || before.ends_with("xmlns=\"") || before.ends_with("<meta ");
        assert!(fine, "{}", &html[at.saturating_sub(40)..at + 40]);
    }
    assert!(html.contains("default-src 'none'"));

    // At run time, without the policy that would forbid it: the page loads no resource of any kind.
    let Some(browser) = browser() else { return };
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(resources(&browser, dir.path(), "quiet.html", &html), 0);
    // The same look finds a request where there is one.
    let loud = html.replace("</body>", "<img src=\"http://localhost:9/x.png\"></body>");
    assert_eq!(resources(&browser, dir.path(), "loud.html", &loud), 1);
}

/// Number of resources that a page asks for when it is opened and its policy does not stop it.
fn resources(browser: &str, folder: &Path, name: &str, html: &str) -> usize {
    const COUNT: &str = r#"<script>addEventListener('load', () => setTimeout(() => {
const out = document.createElement('pre');
out.textContent = 'RESOURCES ' + performance.getEntriesByType('resource').length;
document.body.append(out); }, 100));</script>"#;
    let probe = without_policy(html).replace("</body>", &format!("{COUNT}</body>"));
    let more = ["--dump-dom".to_owned(), "--virtual-time-budget=5000".to_owned()];
    let seen = open(browser, folder, &written(folder, name, &probe), &more);
    let number = seen.split("<pre>RESOURCES ").nth(1).and_then(|rest| rest.split('<').next());
    number.expect("the probe ran").parse().unwrap()
}

/// The page without its content security policy, which forbids scripts: for the copies that are measured.
fn without_policy(html: &str) -> String {
    let policy = html.find("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let end = policy + html[policy..].find('>').unwrap() + 1;
    format!("{}{}", &html[..policy], &html[end..])
}

/// Writes the page and its picture to the folder named in GLASSLAB_SHOW, for people to look at.
#[test]
fn show() {
    let (Ok(folder), Some(browser)) = (std::env::var("GLASSLAB_SHOW"), browser()) else { return };
    let folder = PathBuf::from(folder);
    let path = written(&folder, "report.html", &sample::report().page().html());
    let scratch = tempfile::tempdir().unwrap();
    for (name, dark) in [("light.png", false), ("dark.png", true)] {
        let mut more =
            vec![format!("--screenshot={}", folder.join(name).display()), "--window-size=1280,5600".to_owned()];
        if dark {
            more.push("--force-dark-mode".to_owned());
            more.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        open(&browser, scratch.path(), &path, &more);
        assert!(folder.join(name).exists());
    }
}
