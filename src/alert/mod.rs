//! The ways out of the house: a program of the site's own, or a post to an address. ureq stands here and nowhere else.

mod command;
mod webhook;

use std::time::Duration;

use strum::{Display, EnumString, IntoStaticStr};

/// A way on which alerts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Channel {
    /// A program that reads the alert from its standard input.
    Command,
    /// An address that the alert is posted to.
    Webhook,
}

/// Where alerts go, and how long that may take.
#[derive(Clone, Debug)]
pub struct Ways {
    /// The program with its arguments; empty if there is none.
    pub command: Vec<String>,
    /// The address.
    pub webhook: Option<String>,
    /// For one alert on one way.
    pub timeout: Duration,
}

impl Ways {
    /// Those there are.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        let command = (!self.command.is_empty()).then_some(Channel::Command);
        command.into_iter().chain(self.webhook.as_ref().map(|_| Channel::Webhook))
    }

    /// Delivers one alert; the error is a sentence without the address' secrets.
    pub fn send(&self, channel: Channel, alert_id: &str, body: &str) -> Result<(), String> {
        match (channel, &self.webhook) {
            (Channel::Command, _) => command::run(&self.command, body, self.timeout),
            (Channel::Webhook, Some(address)) => webhook::post(address, alert_id, body, self.timeout),
            (Channel::Webhook, None) => Err("no webhook is set any more".to_owned()),
        }
    }
}

/// Whether there is such a program.
pub fn check_command(program: &str) -> Result<(), String> {
    command::check(program)
}

/// Whether an address can be posted to.
pub fn check_webhook(address: &str) -> Result<(), String> {
    webhook::check(address)
}
