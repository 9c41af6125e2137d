//! One self-contained page: text, tables, verdicts, figures and a bibliography; it asks nothing of any network.

use crate::figure::Figure;
use crate::markup::{escape, html};
use crate::svg;
use std::fmt::Write;

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Title (markup).
    pub title: String,
    /// A line below the title (markup).
    pub subtitle: String,
    /// What was found, in a paragraph (markup).
    pub abstract_text: String,
    /// The rest, from top to bottom.
    pub blocks: Vec<Block>,
    /// Last line (markup).
    pub footer: String,
}

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading (markup).
    Heading(String),
    /// A paragraph (markup).
    Paragraph(String),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
    /// Verdicts, side by side.
    Verdicts(Vec<Verdict>),
    /// A file shown as it is, folded away.
    Listing {
        /// What it is (markup).
        title: String,
        /// The text.
        text: String,
    },
    /// Sources: text, and a locator `doi:...` or `arXiv:...` that becomes a link.
    Bibliography(Vec<(String, String)>),
}

/// A table; numbers are aligned to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What it shows (markup).
    pub caption: String,
    /// Column heads (markup).
    pub head: Vec<String>,
    /// Rows of cells (markup).
    pub rows: Vec<Vec<String>>,
}

/// What colour a verdict has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It ages.
    Aging,
    /// Aging that ended.
    Interrupted,
    /// It diffuses.
    Diffusion,
    /// It is in equilibrium.
    Equilibrium,
    /// The data do not say.
    Unresolved,
}

/// A verdict: of what, the word, and why.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Of which quench (markup).
    pub of: String,
    /// The word: *aging*, *diffusion*... (markup).
    pub word: String,
    /// Its colour.
    pub tone: Tone,
    /// Why, in sentences (markup).
    pub reasons: Vec<String>,
}

const STYLE: &str = include_str!("page.css");

impl Page {
    /// The page as HTML: one file, no script, no request (a content security policy forbids all). Cost O(points).
    ///
    /// Checked by `tests/browser.rs`, which opens it in a browser.
    pub fn html(&self) -> String {
        let mut out = String::with_capacity(1 << 18);
        let title = escape(&crate::markup::spoken(&self.title));
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             </head>\n<body>\n<main>\n<header>\n<h1>{}</h1>\n",
            html(&self.title)
        );
        if !self.subtitle.is_empty() {
            let _ = writeln!(out, "<p class=\"subtitle\">{}</p>", html(&self.subtitle));
        }
        if !self.abstract_text.is_empty() {
            let _ = writeln!(out, "<p class=\"abstract\">{}</p>", html(&self.abstract_text));
        }
        out.push_str("</header>\n");
        let mut number = 0;
        for block in &self.blocks {
            block_html(&mut out, block, &mut number);
        }
        let _ = write!(out, "</main>\n<footer>{}</footer>\n</body>\n</html>\n", html(&self.footer));
        out
    }

    /// The figures of the page.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks.iter().filter_map(|b| match b {
            Block::Figure(f) => Some(f),
            _ => None,
        })
    }
}

fn block_html(out: &mut String, block: &Block, number: &mut usize) {
    match block {
        Block::Heading(text) => {
            let _ = writeln!(out, "<h2>{}</h2>", html(text));
        }
        Block::Paragraph(text) => {
            let _ = writeln!(out, "<p>{}</p>", html(text));
        }
        Block::Table(table) => table_html(out, table),
        Block::Figure(figure) => {
            *number += 1;
            let _ = write!(
                out,
                "<figure id=\"{}\" class=\"columns-{}\">\n{}\n<figcaption><b>Figure {number}. {}.</b> {}</figcaption>\n\
                 </figure>\n",
                escape(&figure.id),
                svg::columns(figure),
                svg::draw(figure),
                html(&figure.title),
                html(&figure.caption)
            );
        }
        Block::Verdicts(verdicts) => {
            out.push_str("<div class=\"verdicts\">\n");
            for verdict in verdicts {
                let tone = format!("{:?}", verdict.tone).to_lowercase();
                let _ = write!(
                    out,
                    "<section class=\"verdict {tone}\"><h3>{}</h3><p class=\"word\">{}</p><ul>",
                    html(&verdict.of),
                    html(&verdict.word)
                );
                for reason in &verdict.reasons {
                    let _ = write!(out, "<li>{}</li>", html(reason));
                }
                out.push_str("</ul></section>\n");
            }
            out.push_str("</div>\n");
        }
        Block::Listing { title, text } => {
            let (title, text) = (html(title), escape(text));
            let _ = writeln!(out, "<details><summary>{title}</summary><pre>{text}</pre></details>");
        }
        Block::Bibliography(sources) => {
            out.push_str("<ol class=\"bibliography\">\n");
            for (text, locator) in sources {
                let _ = writeln!(out, "<li>{} {}</li>", escape(text), link(locator));
            }
            out.push_str("</ol>\n");
        }
    }
}

/// A locator as a link that is followed only when clicked.
fn link(locator: &str) -> String {
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/():;".contains(&b));
    let target = match locator.split_once(':') {
        Some(("doi", rest)) if plain(rest) => format!("https://doi.org/{rest}"),
        Some(("arXiv", rest)) if plain(rest) => format!("https://arxiv.org/abs/{rest}"),
        _ => return escape(locator),
    };
    format!("<a href=\"{target}\" rel=\"noreferrer\">{}</a>", escape(locator))
}

fn table_html(out: &mut String, table: &Table) {
    let _ = write!(out, "<div class=\"scroll\"><table><caption>{}</caption>\n<thead><tr>", html(&table.caption));
    for cell in &table.head {
        let _ = write!(out, "<th scope=\"col\">{}</th>", html(cell));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (k, cell) in row.iter().enumerate() {
            if k == 0 {
                let _ = write!(out, "<th scope=\"row\">{}</th>", html(cell));
                continue;
            }
            let digits = cell.chars().find(|c| !matches!(c, '−' | '-' | '+' | '~' | '≈' | '<' | '>' | ' '));
            let class = if digits.is_some_and(|c| c.is_ascii_digit()) { " class=\"number\"" } else { "" };
            let _ = write!(out, "<td{class}>{}</td>", html(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_given_becomes_markup_of_the_page() {
        let evil = "<img src=x onerror=alert(1)>";
        let page = Page {
            title: evil.to_owned(),
            blocks: vec![
                Block::Paragraph(evil.to_owned()),
                Block::Listing { title: evil.to_owned(), text: evil.to_owned() },
                Block::Bibliography(vec![(evil.to_owned(), "doi:10.1/x\"onclick=\"y".to_owned())]),
                Block::Table(Table { rows: vec![vec![evil.to_owned(), evil.to_owned()]], ..Table::default() }),
            ],
            ..Page::default()
        };
        let html = page.html();
        assert!(!html.contains("<img") && !html.contains("\"onclick"), "{html}");
        assert!(link("doi:10.1088/1742-5468/ab3281").contains("https://doi.org/10.1088/1742-5468/ab3281"));
        assert!(link("javascript:alert(1)").starts_with("javascript"));
    }
}
