//! Templates of letters: those shipped, and those of a site in their place.

use std::collections::{BTreeMap, BTreeSet};

use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, State, UndefinedBehavior, context};
use thiserror::Error;

use super::letter::{Told, Values};
use super::prose::{day, on_one_line, wrapped};
use crate::visible::visible;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/cases/templates");

/// What a language needs: `{}` stands for its tag.
const PARTS: [&str; 4] = ["wording.{}.txt", "steps.{}.txt", "letter.{}.txt", "letter.{}.html"];
/// What a language may have beside them.
const AGREEMENT: &str = "agreement.{}.txt";
/// The language of customers for whom none is named.
const DEFAULT_LANGUAGE: &str = "en";

/// What is wrong with a template, with file and line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TemplateError(String);

/// A letter in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Plain text.
    pub text: String,
    /// A page that needs nothing beside it.
    pub html: String,
}

/// Templates of all languages that there are.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    languages: BTreeSet<String>,
}

impl Templates {
    /// The shipped templates: file name and text.
    pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
        SHIPPED.files().filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
    }

    /// The shipped templates, and those of a site (file name → text) in their place or beside them.
    ///
    /// # Errors
    /// If a name is none of a template, a text does not parse, or a language has some of its four files and not all.
    pub fn with(own: BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let mut texts: BTreeMap<String, String> =
            Self::shipped().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        texts.extend(own);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(syntax()?);
        environment.add_filter("wrap", wrap);
        environment.add_filter("day", day_in);
        let mut languages = BTreeSet::new();
        for (name, text) in texts {
            let Some(language) = language_of(&name) else {
                return Err(TemplateError(format!(
                    "`{}` is no name of a template; they are called wording.LANG.txt, steps.LANG.txt, agreement.LANG.txt, \
                     letter.LANG.txt and letter.LANG.html",
                    visible(&name)
                )));
            };
            languages.insert(language.to_owned());
            environment.add_template_owned(name, text).map_err(|error| explained(&error))?;
        }
        for language in &languages {
            let lacking = PARTS.map(|part| part.replace("{}", language));
            if let Some(name) = lacking.iter().find(|name| environment.get_template(name).is_err()) {
                return Err(TemplateError(format!(
                    "the language `{language}` lacks `{name}`; write it, beside the others"
                )));
            }
        }
        Ok(Self { environment, languages })
    }

    /// The language of letters to a customer for whom this one is named: the same, or the same without its region.
    /// `None` if there are no templates in it.
    #[must_use]
    pub fn language(&self, named: &str) -> Option<&str> {
        let named = if named.is_empty() { DEFAULT_LANGUAGE } else { named };
        let plain = named.split(['-', '_']).next().unwrap_or(named);
        [named, plain].into_iter().find_map(|tag| self.languages.get(tag)).map(String::as_str)
    }

    /// All languages that there are templates in.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(String::as_str)
    }

    /// What is said of a case, in one paragraph: the class's fair wording, or the fingerprint's own.
    ///
    /// # Errors
    /// If a template asks for what there is not.
    pub fn wording(&self, told: &Told<'_>, language: &str) -> Result<String, TemplateError> {
        let values = Value::from(Serde(Values::new(told, language)));
        self.paragraph(&format!("wording.{language}.txt"), values)
    }

    fn paragraph(&self, name: &str, values: Value) -> Result<String, TemplateError> {
        self.render(name, values).map(|text| on_one_line(&text))
    }

    /// The letter on a case.
    ///
    /// # Errors
    /// If a template asks for what there is not.
    pub fn letter(&self, told: &Told<'_>, language: &str) -> Result<Letter, TemplateError> {
        let values = Value::from(Serde(Values::new(told, language)));
        let wording = self.paragraph(&format!("wording.{language}.txt"), values.clone())?;
        let agreement = AGREEMENT.replace("{}", language);
        let has_agreement = self.environment.get_template(&agreement).is_ok();
        let agreement = has_agreement.then(|| self.paragraph(&agreement, values.clone())).transpose()?;
        let steps = self.render(&format!("steps.{language}.txt"), values.clone())?;
        let steps = steps.lines().map(str::trim).filter(|step| !step.is_empty());
        let steps: Vec<String> = steps.map(ToOwned::to_owned).collect();
        let whole = context! { wording, agreement, steps, ..values };
        let text = self.render(&format!("letter.{language}.txt"), whole.clone())?;
        let html = self.render(&format!("letter.{language}.html"), whole)?;
        Ok(Letter { text, html })
    }

    fn render(&self, name: &str, values: Value) -> Result<String, TemplateError> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(values))
            .map_err(|error| explained(&error))
    }
}

/// Lines that hold nothing but a tag leave none behind.
fn syntax() -> Result<SyntaxConfig, TemplateError> {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().map_err(|error| explained(&error))
}

/// The language in the name of a template.
fn language_of(name: &str) -> Option<&str> {
    let is_tag =
        |tag: &&str| !tag.is_empty() && tag.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    PARTS.iter().chain([&AGREEMENT]).find_map(|part| {
        let (before, after) = part.split_once("{}")?;
        name.strip_prefix(before)?.strip_suffix(after).filter(is_tag)
    })
}

fn explained(error: &minijinja::Error) -> TemplateError {
    let (name, line) = (error.name().unwrap_or("a template"), error.line().unwrap_or(1));
    let detail =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    TemplateError(visible(&format!("template {name}:{line}: {detail}")).into_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "filters are given owned values")]
fn wrap(text: String, indent: Option<usize>) -> String {
    wrapped(&text, indent.unwrap_or(0))
}

/// A day in the language of the template that asks.
#[expect(clippy::needless_pass_by_value, reason = "filters are given owned values")]
fn day_in(state: &State<'_, '_>, text: String) -> String {
    day(&text, language_of(state.name()).unwrap_or_default())
}
