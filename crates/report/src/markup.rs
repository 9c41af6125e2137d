//! Text with subscripts and superscripts: `t_w`, `t_{w}`, `10^{-3}`; a backslash makes the next character plain.

/// Where a run of characters stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Line,
    Below,
    Above,
}

fn runs(text: &str) -> Vec<(Level, String)> {
    let mut out: Vec<(Level, String)> = Vec::new();
    let mut push = |level: Level, c: char| match out.last_mut() {
        Some((l, run)) if *l == level => run.push(c),
        _ => out.push((level, c.to_string())),
    };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let level = match c {
            '\\' => {
                chars.next().into_iter().for_each(|c| push(Level::Line, c));
                continue;
            }
            '_' => Level::Below,
            '^' => Level::Above,
            _ => {
                push(Level::Line, c);
                continue;
            }
        };
        match chars.next() {
            Some('{') => {
                let mut inside = chars.by_ref().take_while(|&c| c != '}').peekable();
                while let Some(c) = inside.next() {
                    let c = if c == '\\' { inside.next().unwrap_or(c) } else { c };
                    push(level, c);
                }
            }
            Some(c) => push(level, c),
            None => push(Level::Line, c),
        }
    }
    out
}

/// Text that is to be shown as it is, whatever it holds (a name that a user gave).
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '_' | '^' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Escapes text for HTML and SVG; characters that XML forbids become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// As HTML.
pub(crate) fn html(text: &str) -> String {
    let one = |(level, run): (Level, String)| match level {
        Level::Line => escape(&run),
        Level::Below => format!("<sub>{}</sub>", escape(&run)),
        Level::Above => format!("<sup>{}</sup>", escape(&run)),
    };
    runs(text).into_iter().map(one).collect()
}

/// As the inside of an SVG `<text>`; `size` is its font size.
pub(crate) fn svg(text: &str, size: f64) -> String {
    let mut out = String::new();
    let mut at = 0.0;
    for (level, run) in runs(text) {
        let (to, small) = match level {
            Level::Line => (0.0, false),
            Level::Below => (0.28 * size, true),
            Level::Above => (-0.38 * size, true),
        };
        if to == at && !small {
            out.push_str(&escape(&run));
        } else {
            let size = if small { format!(" font-size=\"{:.1}\"", 0.74 * size) } else { String::new() };
            out.push_str(&format!("<tspan dy=\"{:.2}\"{size}>{}</tspan>", to - at, escape(&run)));
        }
        at = to;
    }
    out
}

/// As words without marks, for titles read aloud.
pub(crate) fn spoken(text: &str) -> String {
    runs(text)
        .into_iter()
        .map(|(level, run)| match level {
            Level::Line => run,
            Level::Below => format!("_{run}"),
            Level::Above => format!("^{run}"),
        })
        .collect()
}

/// Width in pixels at a font size, roughly.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let one = |(level, run): &(Level, String)| {
        run.chars().count() as f64 * if *level == Level::Line { 0.55 * size } else { 0.42 * size }
    };
    runs(text).iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_elements_and_nothing_escapes() {
        assert_eq!(html("Δ(t_w, t_w+t)/10^{-3}"), "Δ(t<sub>w</sub>, t<sub>w</sub>+t)/10<sup>-3</sup>");
        assert_eq!(html(&plain("a_b^c\\")), "a_b^c\\");
        assert_eq!(html("<script>&\u{1}"), "&lt;script&gt;&amp;\u{fffd}");
        assert_eq!(svg("t_w+t", 10.0), "t<tspan dy=\"2.80\" font-size=\"7.4\">w</tspan><tspan dy=\"-2.80\">+t</tspan>");
        assert_eq!(spoken("10^{-3}"), "10^-3");
        for odd in ["_", "^{", "a_{", "\\", "^", "x^{\\"] {
            html(odd);
            svg(odd, 1.0);
        }
    }
}
