//! The phrases as people write them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use gate_scrub::{AttackModel, Concept, LOOK, Spelling};
use serde::Deserialize;

/// All files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Phrases {
    concepts: Vec<RawConcept>,
    /// `{name}` in a phrase is one of these.
    pub(crate) slots: BTreeMap<String, Vec<String>>,
    pub(crate) attacks: Vec<Group>,
    pub(crate) benign: Vec<Group>,
    /// Documents around an attack or a benign phrase, which stands at `{body}`.
    pub(crate) carriers: Vec<Group>,
    /// Identifies the files.
    pub(crate) inputs: u64,
}

/// Phrases of one family or theme.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) language: String,
    pub(crate) text: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    language: String,
    #[serde(default)]
    slots: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    concept: Vec<RawConcept>,
    #[serde(default)]
    attack: Vec<Group>,
    #[serde(default)]
    benign: Vec<Group>,
    #[serde(default)]
    carrier: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConcept {
    #[serde(rename = "name")]
    _name: String,
    gate: RawGate,
    #[serde(default)]
    cues: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    faint: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    words: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    signs: Vec<String>,
    #[serde(default)]
    disguised: Vec<String>,
}

/// How much cues pull that are common everywhere.
const FAINT: u8 = 2;

/// How much a cue pulls as long as nothing is known of it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawGate {
    None,
    Faint = FAINT as isize,
    Weak = 4,
    Pair = 8,
    Solo = LOOK as isize,
}

impl Phrases {
    /// Reads every TOML file of `folder`, in order of name.
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
        files.sort();
        let pairs = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut phrases = Self { inputs: AttackModel::fingerprint(pairs), ..Self::default() };
        for (name, text) in &files {
            let file: RawFile = toml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
            phrases.add(file);
        }
        Ok(phrases)
    }

    fn add(&mut self, file: RawFile) {
        let language = file.language;
        let named = |groups: Vec<Group>| {
            let language = language.clone();
            groups.into_iter().map(move |group| {
                let language = if group.language.is_empty() { language.clone() } else { group.language };
                Group { language, ..group }
            })
        };
        self.attacks.extend(named(file.attack));
        self.benign.extend(named(file.benign));
        self.carriers.extend(named(file.carrier));
        self.concepts.extend(file.concept);
        self.slots.extend(file.slots);
    }

    /// The words of each concept, by language; half of the lists are those of English.
    pub(crate) fn spellings(&self) -> Vec<Vec<Vec<String>>> {
        let mut languages: BTreeMap<&str, Vec<Vec<String>>> = BTreeMap::new();
        for concept in &self.concepts {
            for (language, words) in &concept.cues {
                let more = concept.words.get(language).into_iter().flatten();
                let all = words.iter().chain(more).cloned().collect();
                languages.entry(language).or_default().push(all);
            }
        }
        let english = languages.get("en").cloned().unwrap_or_default();
        let others: Vec<Vec<Vec<String>>> = languages.into_values().collect();
        let mut all = vec![english; others.len()];
        all.extend(others);
        all
    }

    /// The concepts of all languages, each word with the pull that its gate says.
    pub(crate) fn concepts(&self) -> Vec<Concept> {
        let all = |words: &BTreeMap<String, Vec<String>>| words.values().flatten().cloned().collect::<Vec<_>>();
        let spelled = |words: Vec<String>, pull: u8| words.into_iter().map(move |text| Spelling { text, pull });
        let concept = |raw: &RawConcept| {
            let pull = raw.gate as u8;
            Concept {
                words: spelled(all(&raw.cues), pull)
                    .chain(spelled(all(&raw.faint), FAINT))
                    .chain(spelled(all(&raw.words), 0))
                    .collect(),
                signs: spelled(raw.signs.clone(), pull).collect(),
                disguised: spelled(raw.disguised.clone(), pull).collect(),
            }
        };
        self.concepts.iter().map(concept).collect()
    }
}
