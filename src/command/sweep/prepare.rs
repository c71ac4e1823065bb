//! Everything that a sweep needs, understood before the first packet.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::scan::targets::{From, Named, Order, draw_seed, list, notations};
use super::super::{Failure, customers, fingerprints};
use super::places;
use crate::alert::{Ways, check_command, check_webhook};
use crate::cases::Customers;
use crate::fingerprint::FingerprintSet;
use crate::given;
use crate::output::format_of;
use crate::scan::{Limits, Shard, Targets};
use crate::silence::{Mention, Silence};
use crate::store::Allowed;
use crate::sweep::excludes::Read;
use crate::sweep::settings::Settings;
use crate::target::{Addresses, Scope};
use crate::visible::visible;

/// What the settings come to.
pub(super) struct Prepared {
    pub(super) settings: Settings,
    pub(super) set: FingerprintSet,
    pub(super) targets: Targets,
    /// What is written into the history of the scope.
    pub(super) allowed: Allowed,
    pub(super) limits: Limits,
    pub(super) silence: Silence,
    /// Whose addresses there are; absent where no rule asks for it.
    pub(super) customers: Option<Customers>,
    pub(super) zone: TimeZone,
    pub(super) ways: Ways,
}

impl Prepared {
    /// Reads and checks everything; what this sweep would not use, only if `is_check`. The order of targets is drawn anew.
    pub(super) fn load(path: &Path, is_check: bool) -> Result<Self, Failure> {
        let settings = Settings::load(path).map_err(Failure::usage)?;
        let set = fingerprints::load(&settings.fingerprints)?;
        let (targets, allowed) = targets(&settings)?;
        let limits = settings.limits().map_err(Failure::usage)?;
        let silence = settings.suppress.as_deref().map_or(Ok(Silence::default()), |path| silence(path, &set))?;
        let customers = customers(&settings, &silence, is_check)?;
        let zone = match &settings.time_zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name)
                .map_err(|error| Failure::usage(format!("`time_zone`: {error}; name one like Europe/Paris or UTC")))?,
        };
        let alerts = &settings.alerts;
        if let Some(program) = alerts.command.first() {
            check_command(program).map_err(Failure::usage)?;
        }
        if let Some(address) = &alerts.webhook {
            check_webhook(address).map_err(Failure::usage)?;
        }
        for path in &settings.outputs {
            format_of(path).map_err(Failure::usage)?;
        }
        if let Some(class) = settings.fail_on.filter(|class| class.is_informational()) {
            let message = format!(
                "`fail_on = \"{class}\"` can never be met, since that class only informs; name an accusing one"
            );
            return Err(Failure::usage(message));
        }
        places::check(path, &settings)?;
        for canary in &settings.canary {
            let ip = canary.ip();
            if !targets.scope.permits(ip) || targets.exclude.contains(ip) {
                let message =
                    format!("canary `{canary}` lies outside the scope or is excluded; name one that may be asked");
                return Err(Failure::usage(message));
            }
        }
        let ways = Ways { command: alerts.command.clone(), webhook: alerts.webhook.clone(), timeout: alerts.timeout.0 };
        Ok(Self { settings, set, targets, allowed, limits, silence, customers, zone, ways })
    }

    /// A function that reads the excludes again.
    pub(super) fn excludes(&self) -> Read {
        let Settings { exclude, exclude_files, .. } = self.settings.clone();
        Arc::new(move || list(&exclude, &exclude_files).map_err(|failure| failure.to_string()))
    }

    /// The settings as resolved, with what they come to.
    pub(super) fn describe(&self) -> Result<String, Failure> {
        let Self { settings, set, targets, silence, customers, .. } = self;
        let mut text = toml::to_string_pretty(settings)
            .map_err(|error| Failure::usage(format!("the settings cannot be printed: {error}")))?;
        let (excluded, scope) = (targets.exclude.count(), targets.scope.named().count());
        // Writing into a String cannot fail.
        let _infallible = write!(
            text,
            "\n# endpoints: {}; excluded addresses: {excluded}; addresses of the scope: {scope}\n\
             # fingerprints: {}, set {}\n",
            targets.positions(),
            set.iter().len(),
            set.hash(),
        );
        for ending in silence.ending(Timestamp::now()) {
            let what = if ending.is_over { "; it holds nothing back, renew or remove it" } else { "" };
            let _infallible = writeln!(text, "# {}{what}", visible(&ending.to_string()));
        }
        if let Some(customers) = customers {
            let _infallible = writeln!(text, "# rows of customers: {}", customers.len());
        }
        Ok(text)
    }
}

fn targets(settings: &Settings) -> Result<(Targets, Allowed), Failure> {
    let authorisation = settings.authorised.clone().filter(|text| !text.trim().is_empty());
    // Read once, so that what is written down is what is held to.
    let allowed = Allowed { scope: notations(&settings.scope, &settings.scope_files)?, authorisation };
    let scope = Scope::new(list(&allowed.scope, &[])?);
    if scope.is_wide() && allowed.authorisation.is_none() {
        let message = "the scope is wider than a /8 (IPv6: /32); say why you may scan it with `authorised = \"…\"`";
        return Err(Failure::usage(message));
    }
    let exclude: Addresses = list(&settings.exclude, &settings.exclude_files)?;
    let order = Order { seed: draw_seed(), shard: Shard::default(), max: None };
    let named = Named::read(&settings.targets, &settings.target_files, From::File, false)?;
    Ok((named.targets(&settings.ports, scope, exclude, &order)?, allowed))
}

/// Whose addresses there are. Two million rows are not read where no rule asks for it, but a file that is not there is told
/// before a rule does.
fn customers(settings: &Settings, silence: &Silence, is_check: bool) -> Result<Option<Customers>, Failure> {
    match (&settings.customers, silence.first_customer()) {
        (None, None) => Ok(None),
        (None, Some(Mention { place, .. })) => Err(Failure::usage(format!(
            "{place}: nobody knows whose addresses these are; name a file of your customers in sweep.toml with \
             `customers = \"customers.csv\"`"
        ))),
        (Some(path), None) if !is_check => customers::open(path).map(|_is_there| None),
        (Some(path), _) => customers::read(path, silence).map(Some),
    }
}

/// The rules of a file, for findings of these fingerprints.
pub(in crate::command) fn silence(path: &Path, set: &FingerprintSet) -> Result<Silence, Failure> {
    let name = path.display().to_string();
    let text = given::text(path).map_err(|error| Failure::usage(format!("`{name}` cannot be read: {error}")))?;
    let silence = Silence::parse(&name, &text).map_err(Failure::usage)?;
    silence.check(set, Timestamp::now()).map_err(Failure::usage)?;
    Ok(silence)
}
