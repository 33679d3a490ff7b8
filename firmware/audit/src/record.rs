//! Reading: along with a writer that is still at work, and out into other people's formats.

pub mod export;
mod follow;

pub use self::follow::{FollowError, Follower, Records, heads};
