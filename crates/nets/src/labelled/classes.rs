//! Which classes become +1 and which -1.

use glasslab_core::Fault;

/// How many classes become two labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Label of each class, in the order of their numbers; samples of a class with `None` are left out.
    signs: Vec<Option<bool>>,
    /// In words.
    about: String,
}

impl Classes {
    /// `parity`: +1 for classes of even number, -1 for odd ones (of two classes: one each). `A,B/C,D`: +1 for the classes left of the
    /// slash, -1 for those right of it, the others are left out; `A,B/rest`: -1 for all others. Classes are given by name; for
    /// images these are their numbers.
    pub fn parse(text: &str, names: &[String]) -> Result<Self, Fault> {
        let refuse = |fix: String| Fault::input("classes", text, fix);
        if text == "parity" {
            let signs = (0..names.len()).map(|k| Some(k % 2 == 0)).collect();
            return Ok(Self { signs, about: format!("y = parity of the class ({} classes)", names.len()) });
        }
        let Some((plus, minus)) = text.split_once('/') else {
            return Err(refuse(
                "give `parity`, or two groups of classes with a slash between, as in `0,1,2/3` or `cat/rest`"
                    .to_owned(),
            ));
        };
        let mut signs = vec![None; names.len()];
        let mut set = |words: &str, sign: bool| -> Result<(), Fault> {
            for word in words.split(',').map(str::trim) {
                let Some(k) = names.iter().position(|n| n == word) else {
                    let near = glasslab_core::parameter::nearest(word, names.iter().map(String::as_str));
                    let near = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
                    let known: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
                    let dots = if names.len() > 20 { ", ..." } else { "" };
                    return Err(refuse(format!(
                        "there is no class `{word}`{near} The classes are {}{dots}",
                        known.join(", ")
                    )));
                };
                if signs[k].is_some() {
                    return Err(refuse(format!("give the class `{word}` once")));
                }
                signs[k] = Some(sign);
            }
            Ok(())
        };
        set(plus, true)?;
        if minus.trim() == "rest" {
            signs.iter_mut().filter(|s| s.is_none()).for_each(|s| *s = Some(false));
        } else {
            set(minus, false)?;
        }
        if !signs.contains(&Some(false)) {
            return Err(refuse("no class is left for -1: name some right of the slash".to_owned()));
        }
        Ok(Self { signs, about: format!("y = +1 for the classes {}, -1 for {}", plus.trim(), minus.trim()) })
    }

    /// +1, -1, or `None` for a class that is left out.
    pub fn label(&self, class: u32) -> Option<f64> {
        self.signs[class as usize].map(|plus| if plus { 1.0 } else { -1.0 })
    }

    /// In words.
    pub fn about(&self) -> &str {
        &self.about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_parity_and_what_is_wrong() {
        let names: Vec<String> = ["bird", "cat", "dog"].iter().map(|s| (*s).to_owned()).collect();
        let labels = |text: &str| {
            let classes = Classes::parse(text, &names).unwrap();
            (0..3).map(|c| classes.label(c)).collect::<Vec<_>>()
        };
        assert_eq!(labels("parity"), [Some(1.0), Some(-1.0), Some(1.0)]);
        assert_eq!(labels("cat/dog"), [None, Some(1.0), Some(-1.0)]);
        assert_eq!(labels("cat/rest"), [Some(-1.0), Some(1.0), Some(-1.0)]);
        assert_eq!(labels("bird, dog / cat"), [Some(1.0), Some(-1.0), Some(1.0)]);
        for (text, word) in [
            ("cat", "slash"),
            ("cats/dog", "`cat`"),
            ("cat/cat", "once"),
            ("bird,cat,dog/rest", "no class is left"),
            ("", "slash"),
        ] {
            let said = Classes::parse(text, &names).unwrap_err().to_string();
            assert!(said.contains(word), "{text}: {said}");
        }
    }
}
