//! Takes some members out of JSON that comes in pieces and measures its texts, keeping nothing else.

use std::ops::ControlFlow;

/// Real usage objects have a few hundred bytes.
pub(super) const OBJECT_CAP: usize = 8 * 1024;

/// A usage object is a member of the answer or of one object in it (`response.usage`, `message.usage`, an element of
/// Gemini's array); deeper ones would be the model's or the user's own data.
const DEPTH_CAP: usize = 2;

/// Longer keys than any we look for are not kept.
const KEY_CAP: usize = 40;

/// The members whose strings are what a model says or thinks, or the pieces of it in a stream. Those of calls and of web
/// pages are among them.
const SPOKEN: [&str; 13] = [
    "content",
    "text",
    "delta",
    "arguments",
    "partial_json",
    "thinking",
    "reasoning",
    "reasoning_content",
    "refusal",
    "response",
    "transcript",
    "completion",
    "v",
];

/// The state between two bytes.
#[derive(Debug)]
pub(super) struct Capture {
    /// Members whose objects are taken, and members of the answer itself whose numbers are.
    names: &'static [&'static str],
    loose: &'static [&'static str],
    /// Open containers.
    depth: usize,
    /// Whether the containers at the depths that matter are objects.
    objects: [bool; DEPTH_CAP],
    string: Option<Str>,
    /// The last string: a key once its colon comes.
    text: Vec<u8>,
    /// The value that comes next is the one we want.
    wanted: bool,
    /// It is spoken, if it is a string.
    spoken: bool,
    /// The number that is being read, and its digits.
    number: Option<(&'static str, u64)>,
    /// Bytes of what was spoken.
    bytes: u64,
    /// The object being taken and the depth around it.
    taken: Vec<u8>,
    taking: Option<usize>,
}

/// Inside a string.
#[derive(Clone, Copy, Debug)]
struct Str {
    escaped: bool,
    /// Whether it is spoken.
    spoken: bool,
}

impl Capture {
    pub(super) fn new(names: &'static [&'static str], loose: &'static [&'static str]) -> Self {
        Self {
            names,
            loose,
            depth: 0,
            objects: [false; DEPTH_CAP],
            string: None,
            text: Vec::new(),
            wanted: false,
            spoken: false,
            number: None,
            bytes: 0,
            taken: Vec::new(),
            taking: None,
        }
    }

    /// Forgets what was begun; a new value follows.
    pub(super) fn reset(&mut self) {
        let (text, taken) = (std::mem::take(&mut self.text), std::mem::take(&mut self.taken));
        *self = Self { text, taken, bytes: self.bytes, ..Self::new(self.names, self.loose) };
        self.text.clear();
        self.taken.clear();
    }

    /// Bytes of what was spoken so far, escapes as they are written.
    pub(super) fn spoken(&self) -> u64 {
        self.bytes
    }

    /// Reads on; each object found is shown to `found`. Breaks where the bytes are not JSON.
    pub(super) fn push(&mut self, mut bytes: &[u8], found: &mut dyn FnMut(&[u8])) -> ControlFlow<()> {
        while let Some(&byte) = bytes.first() {
            let length = match self.string {
                Some(string) => self.in_string(string, bytes),
                None => {
                    self.structure(byte, found)?;
                    1
                }
            };
            bytes = &bytes[length..];
        }
        ControlFlow::Continue(())
    }

    /// Reads a piece of a string and says how long it was.
    fn in_string(&mut self, mut string: Str, bytes: &[u8]) -> usize {
        if string.escaped {
            string.escaped = false;
            self.string = Some(string);
            self.keep(&bytes[..1], string);
            return 1;
        }
        let end = memchr::memchr2(b'"', b'\\', bytes);
        let length = end.map_or(bytes.len(), |end| end + 1);
        self.keep(&bytes[..length], string);
        match end.map(|end| bytes[end]) {
            Some(b'"') => {
                self.string = None;
                if string.spoken {
                    self.bytes -= 1;
                } else {
                    self.text.pop();
                }
            }
            Some(_) => self.string = Some(Str { escaped: true, ..string }),
            None => {}
        }
        length
    }

    fn keep(&mut self, piece: &[u8], string: Str) {
        if string.spoken {
            self.bytes += piece.len() as u64;
        } else {
            let room = (KEY_CAP + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        self.take(piece);
    }

    fn take(&mut self, piece: &[u8]) {
        if self.taking.is_some() {
            if self.taken.len() + piece.len() > OBJECT_CAP {
                self.taking = None;
                return;
            }
            self.taken.extend_from_slice(piece);
        }
    }

    /// Reads one byte outside strings.
    fn structure(&mut self, byte: u8, found: &mut dyn FnMut(&[u8])) -> ControlFlow<()> {
        match byte {
            b'{' | b'[' => self.open(byte == b'{'),
            b'}' | b']' => return self.close(byte, found),
            b'"' => {
                let spoken = std::mem::take(&mut self.spoken);
                self.number = None;
                self.text.clear();
                self.string = Some(Str { escaped: false, spoken });
            }
            b':' => self.colon(),
            b',' => self.value_ends(found),
            b'0'..=b'9' => {
                if let Some((_, digits)) = &mut self.number {
                    *digits = digits.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                }
            }
            b'-' | b'+' | b'.' | b'a'..=b'z' | b'E' => self.number = None,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return ControlFlow::Break(()),
        }
        self.take(&[byte]);
        ControlFlow::Continue(())
    }

    /// A key ended: it says what its value is to us.
    fn colon(&mut self) {
        let key = self.text.as_slice();
        let is_among = |names: &[&str]| names.iter().any(|name| name.as_bytes() == key);
        self.spoken = is_among(&SPOKEN);
        self.wanted = self.in_shallow_object() && is_among(self.names);
        let loose = if self.depth == 1 && self.in_shallow_object() { self.loose } else { &[] };
        self.number = loose.iter().find(|name| name.as_bytes() == key).map(|name| (*name, 0));
    }

    fn value_ends(&mut self, found: &mut dyn FnMut(&[u8])) {
        self.wanted = false;
        self.spoken = false;
        if let Some((name, count)) = self.number.take() {
            found(format!("{{\"{name}\":{count}}}").as_bytes());
        }
    }

    fn open(&mut self, object: bool) {
        self.spoken = false;
        self.number = None;
        if object && self.wanted && self.taking.is_none() {
            self.taken.clear();
            self.taking = Some(self.depth);
        }
        self.wanted = false;
        if let Some(kind) = self.objects.get_mut(self.depth) {
            *kind = object;
        }
        self.depth += 1;
    }

    fn close(&mut self, byte: u8, found: &mut dyn FnMut(&[u8])) -> ControlFlow<()> {
        let Some(depth) = self.depth.checked_sub(1) else { return ControlFlow::Break(()) };
        self.value_ends(found);
        self.depth = depth;
        self.take(&[byte]);
        if self.taking == Some(depth) {
            self.taking = None;
            found(&self.taken);
        }
        ControlFlow::Continue(())
    }

    /// Bytes held right now.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.text.capacity() + self.taken.capacity()
    }

    fn in_shallow_object(&self) -> bool {
        let inner = self.depth.checked_sub(1);
        inner.and_then(|place| self.objects.get(place)).is_some_and(|object| *object)
    }
}

#[cfg(test)]
mod tests;
