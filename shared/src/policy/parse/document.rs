//! A TOML document read key by key: what is missing, misspelled or of the wrong type is noted with its line
//! and its remedy, and reading goes on, so that one run finds all that is wrong.

use std::{collections::BTreeSet, fmt, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::closest;

/// One thing that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from one.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.message, self.remedy)
    }
}

impl std::error::Error for Fault {}

/// A place in the text, in bytes.
pub(super) type Place = Range<usize>;

/// The faults found so far, and where lines begin.
pub(super) struct Faults<'t> {
    file: &'t str,
    text: &'t str,
    found: BTreeSet<Fault>,
}

impl<'t> Faults<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, place: &Place, message: impl Into<String>, remedy: impl Into<String>) {
        self.add_on_line(self.line(place), message, remedy);
    }

    pub(super) fn add_on_line(&mut self, line: u32, message: impl Into<String>, remedy: impl Into<String>) {
        let (file, message, remedy) = (self.file.to_owned(), message.into(), remedy.into());
        self.found.insert(Fault { file, line, message, remedy });
    }

    /// The line on which the place begins, counted from one.
    pub(super) fn line(&self, place: &Place) -> u32 {
        let before = self.text.as_bytes().get(..place.start).unwrap_or(self.text.as_bytes());
        let breaks = before.iter().filter(|&&byte| byte == b'\n').count();
        u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// All faults in the order of their lines.
    pub(super) fn into_found(self) -> Vec<Fault> {
        self.found.into_iter().collect()
    }

    /// The faults, if there are any.
    pub(super) fn into_result(self) -> Result<(), Vec<Fault>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.into_found()) }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A table that is being read. What has not been asked for when it is closed does not belong there.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    /// For messages: `a route`, `role editor`.
    name: String,
    pub(super) place: Place,
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// The document as a whole.
    pub(super) fn root(document: &'t Spanned<DeTable<'t>>) -> Self {
        Self { entries: document.get_ref(), name: "the policy".to_owned(), place: 0..0, asked: Vec::new() }
    }

    fn of(
        value: &'t Spanned<DeValue<'t>>,
        name: String,
        place: Place,
        faults: &mut Faults<'_>,
    ) -> Option<Self> {
        if let Some(entries) = value.get_ref().as_table() {
            return Some(Self { entries, name, place, asked: Vec::new() });
        }
        wrong_type(&name, "a table", "`[…]` or `{…}`", value, faults);
        None
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    /// Whether the key is there, whatever it holds.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn name_of(&self, key: &str) -> String {
        format!("`{key}` of {}", self.name)
    }

    /// The text under the key.
    pub(super) fn text(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<At<&'t str>> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            wrong_type(&self.name_of(key), "a text", "`\"…\"`", value, faults);
        }
        Some(At { value: text?, place: value.span() })
    }

    /// The text under a key that must be there.
    pub(super) fn required_text(
        &mut self,
        key: &'static str,
        remedy: &str,
        faults: &mut Faults<'_>,
    ) -> Option<At<&'t str>> {
        if !self.has(key) {
            faults.add(&self.place, format!("{} has no `{key}`", self.name), remedy);
        }
        self.text(key, faults)
    }

    /// The flag under the key.
    pub(super) fn flag(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<At<bool>> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong_type(&self.name_of(key), "a flag", "`true` or `false`", value, faults);
        }
        Some(At { value: flag?, place: value.span() })
    }

    /// The whole number under the key, from zero to `largest`.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        largest: u32,
        faults: &mut Faults<'_>,
    ) -> Option<At<u32>> {
        let value = self.get(key)?;
        let number = value.get_ref().as_integer();
        let number = number.and_then(|digits| u32::from_str_radix(digits.as_str(), digits.radix()).ok());
        let number = number.filter(|number| *number <= largest);
        if number.is_none() {
            let range = format!("a whole number from 0 to {largest}");
            faults.add(
                &value.span(),
                format!("{} is not {range}", self.name_of(key)),
                format!("write {range}"),
            );
        }
        Some(At { value: number?, place: value.span() })
    }

    /// The list of texts under the key; it is not empty and has nothing twice.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        faults: &mut Faults<'_>,
    ) -> Option<At<Vec<At<&'t str>>>> {
        let value = self.get(key)?;
        let name = self.name_of(key);
        let Some(list) = value.get_ref().as_array() else {
            wrong_type(&name, "a list", "`[\"…\", \"…\"]`", value, faults);
            return None;
        };
        let mut texts: Vec<At<&'t str>> = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                None => wrong_type(&format!("a value in {name}"), "a text", "`\"…\"`", item, faults),
                Some(text) if texts.iter().any(|other| other.value == text) => {
                    faults.add(&item.span(), format!("{name} has {text:?} twice"), "remove one");
                }
                Some(text) => texts.push(At { value: text, place: item.span() }),
            }
        }
        if list.is_empty() {
            faults.add(
                &value.span(),
                format!("{name} is an empty list"),
                "name what it stands for, or leave it out",
            );
        }
        Some(At { value: texts, place: value.span() })
    }

    /// The text under the key, or the list of them.
    pub(super) fn text_or_texts(
        &mut self,
        key: &'static str,
        faults: &mut Faults<'_>,
    ) -> Option<At<Vec<At<&'t str>>>> {
        if self.entries.get(key).is_some_and(|value| value.get_ref().as_array().is_some()) {
            return self.texts(key, faults);
        }
        self.text(key, faults).map(|text| At { place: text.place.clone(), value: vec![text] })
    }

    /// The table under the key.
    pub(super) fn table(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<Table<'t>> {
        let value = self.get(key)?;
        Table::of(value, self.name_of(key), value.span(), faults)
    }

    /// The tables under the key by their names, as in `[roles.editor]`.
    pub(super) fn named_tables(
        &mut self,
        key: &'static str,
        one: &str,
        faults: &mut Faults<'_>,
    ) -> Vec<(At<&'t str>, Table<'t>)> {
        let Some(tables) = self.table(key, faults) else { return Vec::new() };
        let named = tables.entries.iter().filter_map(|(name, value)| {
            let table =
                Table::of(value, format!("{one} {name}", name = name.get_ref()), name.span(), faults)?;
            Some((At { value: &**name.get_ref(), place: name.span() }, table))
        });
        named.collect()
    }

    /// The tables of the list under the key, as in `[[routes]]`.
    pub(super) fn listed_tables(
        &mut self,
        key: &'static str,
        one: &str,
        faults: &mut Faults<'_>,
    ) -> Vec<Table<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            wrong_type(&self.name_of(key), "a list of tables", &format!("`[[{key}]]`"), value, faults);
            return Vec::new();
        };
        list.iter().filter_map(|item| Table::of(item, one.to_owned(), item.span(), faults)).collect()
    }

    /// Notes every key that nobody asked for.
    pub(super) fn close(self, faults: &mut Faults<'_>) {
        for key in self.entries.keys().filter(|key| !self.asked.contains(&&**key.get_ref())) {
            let known = self.asked.join(", ");
            let remedy = match closest(key.get_ref(), self.asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known.is_empty() => "remove it: nothing belongs there".to_owned(),
                None => format!("remove it: there are {known}"),
            };
            faults.add(&key.span(), format!("{} is unknown", self.name_of(key.get_ref())), remedy);
        }
    }
}

fn wrong_type(name: &str, wanted: &str, form: &str, value: &Spanned<DeValue<'_>>, faults: &mut Faults<'_>) {
    let found = value.get_ref().type_str();
    faults.add(&value.span(), format!("{name} is not {wanted} but of type {found}"), format!("write {form}"));
}
