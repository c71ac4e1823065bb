//! Every field of a family's record, one row each. A test walks the JSON against this list, both ways.

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct FamilyField {
    /// Where it stands in the JSON; `[]` is an element of a list.
    pub path: &'static str,
    /// What it means, with its unit.
    pub doc: &'static str,
}

const fn field(path: &'static str, doc: &'static str) -> FamilyField {
    FamilyField { path, doc }
}

/// All fields, in the order of the JSON.
pub static FAMILY_FIELDS: &[FamilyField] = &[
    field("schema_version", "version of this list; raised when a field changes its meaning or goes"),
    field(
        "id",
        "names the family in every run that finds it by the same foremost link: a name in lower case, or `certificate-` and the first 16 digits of a hash",
    ),
    field("verdict", "`clones`, `undecided`, `relay-or-nat` or `same-machine`"),
    field("significant", "whether the rules of sections 2 and 3 are met; copied, not bad"),
    field("reasons[]", "what the verdict rests on, in words of the list below"),
    field("why", "the same as sentences, with the numbers of the least likely name"),
    field(
        "wording",
        "what may fairly be said to a customer; only where the family is significant, unknown and not declared",
    ),
    field("own_image", "whether `--own-images` declares it"),
    field("known_as[].fingerprint_id", "a fingerprint that matches members without contradiction"),
    field("known_as[].class", "its class"),
    field("known_as[].endpoints", "on how many endpoints it does"),
    field(
        "machines_at_least",
        "machines that were told apart in one window, in the window with most; 2 at least if significant",
    ),
    field("endpoints", "addresses with ports"),
    field("addresses", "addresses"),
    field("networks", "networks: /24 of IPv4, /48 of IPv6"),
    field("prefixes[].prefix", "one of the 20 fullest networks"),
    field("prefixes[].addresses", "addresses of the family in it"),
    field("names[].name", "one of the 20 most frequent names: first label, upper case, 63 bytes at most"),
    field("names[].endpoints", "endpoints that bear it"),
    field("builds[].version", "NTLM version, as in `ntlm_product_version`"),
    field("builds[].endpoints", "endpoints that show it"),
    field(
        "rtc_offset",
        "the quarter hours by which all clocks that were read are off, two endpoints at least; as the trait",
    ),
    field("links[].kind", "`name` or `certificate`"),
    field(
        "links[].value",
        "the name; or of the certificate the SHA-256 of its DER, else its serial number, else `spki:` and its key's SHA-256",
    ),
    field("links[].shares[]", "what is the same in the certificates: `der`, `key`, `serial`"),
    field("links[].endpoints", "endpoints that show it"),
    field("links[].machines_at_least", "machines among them that were told apart in one window"),
    field("links[].verdict", "what this link comes from, as above"),
    field("links[].significant", "whether this link makes the family significant"),
    field("links[].reasons[]", "what that rests on"),
    field("links[].chance.generator", "prefix of the generator that draws such names"),
    field("links[].chance.window_from", "the window: machines seen after this"),
    field("links[].chance.window_to", "up to and including this"),
    field("links[].chance.endpoints", "`n`"),
    field("links[].chance.machines", "`k`"),
    field("links[].chance.possible_names", "`K`"),
    field("links[].chance.expected", "`E(k)`; 0 where a double cannot hold it"),
    field("links[].chance.log10_expected", "its decimal logarithm"),
    field("links[].chance.expected_if_32_bits", "`E(k)` with 2^32 names, if `K` is more"),
    field("links[].chance.log10_expected_if_32_bits", "its decimal logarithm"),
    field("links[].chance.level", "`0.01/G`"),
    field(
        "links[].chance.significant_size",
        "`k*`, the fewest machines that are significant at this `n`; 0 where no number is",
    ),
    field("links[].chance.assumption", "what the numbers assume"),
    field("links_omitted", "how many links there are beyond the 100 that are listed"),
    field("certificates.shared[].sha256", "a certificate of Windows' own form that several endpoints show"),
    field("certificates.shared[].serial_number", "its serial number"),
    field("certificates.shared[].made", "when it was made: start of validity and 24 hours"),
    field("certificates.shared[].ends", "when it ends"),
    field("certificates.shared[].endpoints", "endpoints that show it"),
    field("certificates.shared_omitted", "how many there are beyond the 20 that are listed"),
    field("certificates.own", "certificates that one endpoint only shows"),
    field("certificates.own_made_first", "when the first of these was made"),
    field("certificates.own_made_median", "the one in the middle"),
    field("certificates.own_made_last", "the last of these"),
    field("certificates.own_made_at_shared_end", "how many of these were made within a week after a shared one ended"),
    field("first_seen", "the first look with a time"),
    field("last_seen", "the last one"),
    field("growth[].from", "a window that holds looks, oldest first, the newest 1,000: seen after this"),
    field("growth[].to", "up to and including this"),
    field("growth[].endpoints", "endpoints seen in it"),
    field("growth[].new_endpoints", "of these, endpoints never seen before"),
    field("growth[].machines_at_least", "machines told apart in it"),
    field("members[].ip", "one of the first 1,000 endpoints, by address"),
    field("members[].port", "its port"),
    field("members[].name", "its name when seen last"),
    field("members[].version", "its NTLM version"),
    field("members[].first_seen", "the first look at it with a time"),
    field("members[].last_seen", "the last one"),
    field(
        "members[].running_since_at_least",
        "when it made the certificate that only it shows; the machine may be older",
    ),
    field("members_omitted", "how many endpoints there are beyond those"),
];
