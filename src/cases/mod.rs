//! Cases: what an abuse desk has to tell whom. Pure: findings and customers are handed in, and what is to be written is
//! handed back.

mod case;
mod customers;
mod customers_file;
mod discretion;
mod folder;
mod letter;
mod line_ends;
mod prefix;
mod prose;
mod ready;
mod spelled;
mod templates;
mod xarf;

pub use case::{Binding, Case, Finding, Grouped, Moment, State, group, identity, told};
pub use customers::{Customers, Owner};
pub use customers_file::CustomersError;
pub use folder::folder_name;
pub use letter::{Sender, Told};
pub use ready::{Held, Rules};
pub use templates::{Letter, TemplateError, Templates};
pub use xarf::{SenderError, report};
