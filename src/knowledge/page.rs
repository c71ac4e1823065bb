//! What is known, for people: `docs/windows.md`.

use std::fmt::{self, Display, Write};

use strum::{EnumMessage, VariantArray};

use super::certificate::Difference;
use super::names::{GENERATORS, Generator};
use super::windows::{Finding, Standing, builds, knowledge};

/// One section of the page.
type Section = fn(&mut String) -> fmt::Result;

/// In the order of the page.
const SECTIONS: [Section; 5] = [builds_section, certificate_section, traits_section, names_section, sources_section];

/// The text of `docs/windows.md`, made from the data that the program itself uses.
#[must_use]
pub fn windows_page() -> String {
    let mut page = String::from(
        "# What is known about Windows\n\n\
         Made from the data in `src/knowledge/`; `cargo test` fails when they differ, and\n\
         `UPDATE_EXPECT=1 cargo test windows_page` writes this page anew.\n\n\
         Every row says how well it is founded; the names of sources are resolved at the end.\n\n",
    );
    // Writing into a String cannot fail.
    let _infallible: fmt::Result = write_page(&mut page);
    page
}

fn write_page(page: &mut String) -> fmt::Result {
    header(page, ["Standing", "Meaning"])?;
    for standing in Standing::VARIANTS {
        row(page, [&format!("`{standing}`"), standing.get_documentation().unwrap_or_default()])?;
    }
    SECTIONS.iter().try_for_each(|section| section(page))
}

fn builds_section(page: &mut String) -> fmt::Result {
    page.push_str(
        "\n## Builds\n\n\
         A build gives no edition, and servers and clients share builds. NTLM shows the base build of a machine whose\n\
         feature update was only switched on, so the row of a base build names the products of those updates too.\n\n",
    );
    header(page, ["Build", "Version", "Products", "NTLM shows", "Standing", "Sources", "Note"])?;
    for build in builds() {
        let shown_as = build.shown_as.map(|base| format!("{} ({})", base.build, base.standing)).unwrap_or_default();
        let (number, products, sources) = (build.number.to_string(), build.to_string(), build.sources.join(", "));
        let standing = build.standing.to_string();
        let note = build.note.as_deref().unwrap_or_default();
        row(page, [&number, &build.version, &products, &shown_as, &standing, &sources, note])?;
    }
    Ok(())
}

fn certificate_section(page: &mut String) -> fmt::Result {
    page.push_str(
        "\n## The certificate that Windows makes for its own RDP listener\n\n\
         One template on every build from 6001 to 26100. A certificate claims to be one of these when issuer and subject are\n\
         the same bytes, the name is one common name, there is no subject alternative name, and serverAuth is the one\n\
         extended key usage. What claims so and differs was made by something else: another server, or a tool that an\n\
         administrator of a genuine Windows used.\n\n",
    );
    header(page, ["Part", "Form", "Standing", "Samples", "Sources", "Note"])?;
    for part in &knowledge().template {
        let (standing, sources) = (part.standing.to_string(), part.sources.join(", "));
        let note = part.note.as_deref().unwrap_or_default();
        row(page, [&part.part, &part.value, &standing, &samples(part.samples), &sources, note])?;
    }
    page.push_str("\n### Signature algorithm\n\n");
    findings(page, "Algorithm", &knowledge().signature_algorithms, |names| names.join(" or "))?;
    page.push_str("\n### Where a certificate leaves the template\n\n");
    header(page, ["Word", "Meaning"])?;
    for difference in Difference::VARIANTS {
        let word: &str = difference.into();
        row(page, [&format!("`{word}`"), difference.sentence()])?;
    }
    Ok(())
}

fn traits_section(page: &mut String) -> fmt::Result {
    page.push_str(
        "\n## Traits beside it\n\nBuilds without a row were not seen.\n\n### Flags of the X.224 response\n\n",
    );
    findings(page, "Flags", &knowledge().x224_flags, |flags| format!("{flags:#04X}").replace('X', "x"))?;
    page.push_str("\n### Clock in ServerHello.random\n\n");
    findings(page, "Clock", &knowledge().server_hello_clock, |clock| yes_or_no(*clock).to_owned())
}

/// How names are generated belongs here too.
fn names_section(page: &mut String) -> fmt::Result {
    page.push_str(
        "\n## Names\n\n\
         Setup and clouds make names of a prefix, a hyphen and symbols drawn from `0-9` and `A-V`. How well a name sounds\n\
         like a person's is judged by `src/knowledge/words.rs`.\n\n",
    );
    header(page, ["Form", "Maker", "Possible names", "Names counted", "Source", "Exceptions"])?;
    for Generator { name, suffix_length, maker, samples, source, exceptions } in &GENERATORS {
        let (form, possible) = (format!("`{name}-` and {suffix_length}"), format!("2^{}", suffix_length * 5));
        row(page, [&form, *maker, &possible, &samples.to_string(), *source, *exceptions])?;
    }
    page.push_str("\n### Builds whose setup could give one \"random\" name to several machines\n\n");
    findings(page, "Duplicates", &knowledge().faulty_names, |faulty| yes_or_no(*faulty).to_owned())
}

fn sources_section(page: &mut String) -> fmt::Result {
    page.push_str("\n## Sources\n\n");
    header(page, ["Name", "Source"])?;
    for source in &knowledge().sources {
        let address = source.url.as_ref().map(|url| format!(", <{url}>")).unwrap_or_default();
        row(page, [&source.id, &format!("{}{address}", source.title)])?;
    }
    Ok(())
}

fn findings<T>(page: &mut String, value: &str, findings: &[Finding<T>], text: fn(&T) -> String) -> fmt::Result {
    header(page, ["Builds", value, "Standing", "Samples", "Sources", "Note"])?;
    for finding in findings {
        let spans: Vec<String> = finding.builds.iter().map(|span| span_text(*span)).collect();
        let (standing, sources) = (finding.standing.to_string(), finding.sources.join(", "));
        let (builds, value, samples) = (spans.join(", "), text(&finding.value), samples(finding.samples));
        let note = finding.note.as_deref().unwrap_or_default();
        row(page, [&builds, &value, &standing, &samples, &sources, note])?;
    }
    Ok(())
}

fn header<const N: usize>(page: &mut String, cells: [&str; N]) -> fmt::Result {
    row(page, cells)?;
    writeln!(page, "|{}", "---|".repeat(N))
}

fn row<const N: usize>(page: &mut String, cells: [&str; N]) -> fmt::Result {
    writeln!(page, "| {} |", cells.join(" | "))
}

fn span_text((first, last): (u32, u32)) -> String {
    match (first, last) {
        (0, last) => format!("up to {last}"),
        _ if first == last => first.to_string(),
        _ => format!("{first}–{last}"),
    }
}

/// A count, where there is one.
fn samples(count: Option<impl Display>) -> String {
    count.map_or_else(|| "not counted".to_owned(), |count| count.to_string())
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::windows_page;

    #[test]
    fn windows_page_is_up_to_date() {
        expect_file!["../../docs/windows.md"].assert_eq(&windows_page());
    }
}
