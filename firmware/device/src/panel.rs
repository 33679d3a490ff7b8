//! The button and the lamp: two lines of the GPIO character device. A board without them lacks nothing else.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gpiocdev::Request;
use gpiocdev::chip::Chip;
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, EventClock, Value};

use crate::button::Edge;
use crate::log::say;
use crate::person::counted;

const CONSUMER: &str = "puck";
const DEBOUNCE: Duration = Duration::from_millis(10);
/// Drivers may come late; after this they do not come at all.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(1);
/// Edges taken in one look.
const MOST: usize = 64;

/// What a person sees and presses.
pub(crate) trait Panel {
    /// The edges since the last call, oldest first.
    fn edges(&mut self) -> VecDeque<Edge>;
    fn light(&mut self, on: bool);
}

/// Lines of the kernel's.
#[derive(Debug)]
pub(crate) struct Lines {
    button: Line,
    /// The button's level was looked at, from which its edges count.
    known: bool,
    lamp: Line,
    lit: Option<bool>,
}

#[derive(Debug)]
struct Line {
    name: Option<String>,
    request: Option<(Request, u32)>,
    begun: Instant,
    tried: Option<Instant>,
}

impl Lines {
    /// Each as `chip:line`, by the chip's label and the line's number; none for what the board does not have.
    pub(crate) fn named(button: Option<String>, lamp: Option<String>, now: Instant) -> Self {
        let line = |name| Line { name, request: None, begun: now, tried: None };
        Self { button: line(button), known: false, lamp: line(lamp), lit: None }
    }
}

impl Line {
    /// The line, asked for again now and then until its driver has had its time.
    fn get(&mut self, how: impl FnOnce(&mut gpiocdev::request::Builder)) -> Option<&(Request, u32)> {
        if self.request.is_none()
            && let Some(name) = &self.name
        {
            let now = Instant::now();
            if now - self.begun > PATIENCE {
                say!("there is no line {name}");
                self.name = None;
            } else if self.tried.is_none_or(|tried| now - tried >= AGAIN) {
                self.tried = Some(now);
                self.request = ask(name, how);
            }
        }
        self.request.as_ref()
    }
}

fn ask(name: &str, how: impl FnOnce(&mut gpiocdev::request::Builder)) -> Option<(Request, u32)> {
    let (label, line) = name.rsplit_once(':')?;
    let offset: u32 = line.parse().ok()?;
    let chip = chip(label)?;
    let mut builder = Request::builder();
    builder.with_consumer(CONSUMER).on_chip(&chip).with_line(offset);
    how(&mut builder);
    match builder.request() {
        Ok(request) => {
            say!("{name} is on {}", chip.display());
            Some((request, offset))
        }
        Err(error) => {
            say!("{name} cannot be used: {error}");
            None
        }
    }
}

/// The chip with a label; names in /dev follow the order in which drivers come.
fn chip(label: &str) -> Option<PathBuf> {
    let labelled =
        |path: &PathBuf| Chip::from_path(path).and_then(|chip| chip.info()).is_ok_and(|info| info.label == label);
    gpiocdev::chip::chips().ok()?.into_iter().find(labelled)
}

/// Whoever holds the button while the power comes pressed it before there was anybody to see that.
fn before(value: Value, now: Duration) -> Option<Edge> {
    (value == Value::Active).then_some(Edge { pressed: true, early: true, at: now })
}

impl Panel for Lines {
    fn edges(&mut self) -> VecDeque<Edge> {
        // A button to ground: pressed is low, and nothing but the board's own resistor holds it up.
        let line = self.button.get(|builder| {
            builder
                .as_input()
                .as_active_low()
                .with_bias(Bias::PullUp)
                .with_debounce_period(DEBOUNCE)
                .with_edge_detection(EdgeDetection::BothEdges)
                .with_event_clock(EventClock::Monotonic);
        });
        let mut edges = VecDeque::new();
        if let Some((request, offset)) = line.filter(|_| !self.known) {
            self.known = true;
            edges.extend(request.value(*offset).ok().and_then(|value| before(value, counted())));
        }
        while let Some((request, _)) = line
            && edges.len() < MOST
            && request.has_edge_event().unwrap_or(false)
            && let Ok(event) = request.read_edge_event()
        {
            edges.push_back(Edge {
                early: false,
                pressed: event.kind == EdgeKind::Rising,
                at: Duration::from_nanos(event.timestamp_ns),
            });
        }
        edges
    }

    fn light(&mut self, on: bool) {
        if self.lit == Some(on) {
            return;
        }
        let line = self.lamp.get(|builder| {
            builder.as_output(Value::Inactive);
        });
        if let Some((request, offset)) = line
            && request.set_value(*offset, if on { Value::Active } else { Value::Inactive }).is_ok()
        {
            self.lit = Some(on);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Value, before};
    use crate::button::{Button, Edge, Press};

    /// QEMU's board cannot show it: its lines let go of whatever holds them when they are asked for with a pull-up.
    #[test]
    fn a_button_held_since_before_the_power_came_counts() {
        let start = Duration::from_secs(8);
        for (seconds, wanted) in
            [(1, None), (14, None), (16, Some(Press::ResetPassword)), (31, Some(Press::FactoryReset))]
        {
            let mut button = Button::default();
            assert_eq!(button.turn(before(Value::Active, start).expect("pressed"), start), None);
            let release = Edge { pressed: false, early: false, at: start + Duration::from_secs(seconds) };
            assert_eq!(button.turn(release, start), wanted, "{seconds} s");
        }
        assert_eq!(before(Value::Inactive, start), None);
    }
}
