//! The phrases as people write them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use gate_scrub::{Act, AttackModel, Concept, LOOK, Spelling};
use serde::Deserialize;

/// All files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Phrases {
    concepts: Vec<RawConcept>,
    acts: Vec<RawAct>,
    /// How often cues stand in plain text.
    pub(crate) frequencies: Frequencies,
    /// Names for several concepts at once.
    groups: BTreeMap<String, Vec<String>>,
    /// `{name}` in a phrase is one of these.
    pub(crate) slots: BTreeMap<String, Vec<String>>,
    pub(crate) attacks: Vec<Group>,
    pub(crate) benign: Vec<Group>,
    /// Documents around an attack or a benign phrase, which stands at `{body}`.
    pub(crate) carriers: Vec<Group>,
    /// Identifies the files.
    pub(crate) inputs: u64,
}

/// In how many of many pieces of plain text each cue stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frequencies {
    pub(crate) pieces: usize,
    pub(crate) cues: BTreeMap<String, usize>,
}

/// Phrases of one family or theme.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) language: String,
    pub(crate) text: Vec<String>,
    /// What its texts are if they are whole ones.
    #[serde(skip)]
    pub(crate) whole: Option<Whole>,
}

/// Whole texts, as somebody wrote them: nothing is filled in.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) file: String,
    /// The number of the group's first text in its file.
    first: usize,
}

/// One of so many whole texts is kept from training, to be judged.
const UNSEEN: usize = 5;

impl Group {
    /// The file of the text with this number, if it is a whole one that is kept from training.
    pub(crate) fn unseen(&self, text: usize) -> Option<String> {
        let whole = self.whole.as_ref().filter(|whole| (whole.first + text) % UNSEEN == UNSEEN - 1);
        whole.map(|whole| whole.file.clone())
    }
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
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    act: Vec<RawAct>,
    frequencies: Option<Frequencies>,
    #[serde(default)]
    attack: Vec<Group>,
    #[serde(default)]
    benign: Vec<Group>,
    #[serde(default)]
    carrier: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAct {
    name: String,
    /// Of each part the names of concepts and groups, apart from each other by spaces.
    parts: Vec<String>,
    within: u8,
    #[serde(default)]
    ordered: bool,
    /// What it is thought to weigh before any document is seen, as the logarithm of the odds of an attack.
    weight: f32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConcept {
    name: String,
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
        let files = files(folder)?;
        let pairs = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut phrases = Self { inputs: AttackModel::fingerprint(pairs), ..Self::default() };
        for (name, text) in &files {
            let file: RawFile = toml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
            phrases.add(file);
        }
        Ok(phrases)
    }

    /// Adds the whole texts of every TOML file of `folder`, from which no model that is written is made.
    pub(crate) fn add_whole(&mut self, folder: &Path) -> Result<(), Box<dyn Error>> {
        for (name, text) in files(folder)? {
            let mut file: RawFile = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
            let mut first = 0;
            for group in file.attack.iter_mut().chain(&mut file.benign) {
                group.whole = Some(Whole { file: name.clone(), first });
                first += group.text.len();
            }
            self.add(file);
        }
        Ok(())
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
        self.acts.extend(file.act);
        self.groups.extend(file.groups);
        self.frequencies = file.frequencies.unwrap_or(std::mem::take(&mut self.frequencies));
        self.slots.extend(file.slots);
    }

    /// The acts, and what each is thought to weigh.
    pub(crate) fn acts(&self) -> Result<(Vec<Act>, Vec<f32>), String> {
        let act = |raw: &RawAct| {
            let part =
                |names: &String| names.split(' ').try_fold(0, |all, name| Ok::<u128, String>(all | self.bits(name)?));
            let parts =
                raw.parts.iter().map(part).collect::<Result<_, _>>().map_err(|name| format!("{}: {name}", raw.name))?;
            Ok((Act { parts, within: raw.within, ordered: raw.ordered }, raw.weight))
        };
        let acts: Vec<(Act, f32)> = self.acts.iter().map(act).collect::<Result<_, String>>()?;
        Ok(acts.into_iter().unzip())
    }

    /// The concepts that a name of one or of a group stands for.
    fn bits(&self, name: &str) -> Result<u128, String> {
        if let Some(number) = self.concepts.iter().position(|concept| concept.name == name) {
            return Ok(1 << number);
        }
        let group = self.groups.get(name).ok_or(format!("nothing is called {name}"))?;
        group.iter().try_fold(0, |all, name| Ok(all | self.bits(name)?))
    }

    /// The names of the acts, in order.
    pub(crate) fn act_names(&self) -> impl Iterator<Item = &str> {
        self.acts.iter().map(|act| act.name.as_str())
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

/// Name and text of every TOML file of a folder, in order of name.
fn files(folder: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}
