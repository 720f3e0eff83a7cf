//! The words of example data, which searches can find.
//!
//! A title is `VERB the OBJECT of PROJECT`, such as "Fix the login page of Atlas". A description has a reason,
//! sometimes a detail, and a unique reference, such as "ATLAS-17".

pub(super) const VERBS: [&str; 12] = [
    "Fix",
    "Review",
    "Write",
    "Update",
    "Test",
    "Design",
    "Deploy",
    "Remove",
    "Document",
    "Measure",
    "Translate",
    "Simplify",
];

pub(super) const OBJECTS: [&str; 20] = [
    "login page",
    "search index",
    "invoice export",
    "password reset",
    "mobile menu",
    "payment form",
    "release notes",
    "onboarding tour",
    "dark theme",
    "rate limits",
    "backup script",
    "customer survey",
    "error pages",
    "image upload",
    "calendar view",
    "weekly report",
    "address book",
    "price list",
    "welcome e-mail",
    "audit trail",
];

pub(super) const PROJECTS: [&str; 10] = [
    "Atlas", "Borealis", "Cobalt", "Dynamo", "Ember", "Falcon", "Granite", "Horizon", "Ivory", "Juniper",
];

pub(super) const REASONS: [&str; 10] = [
    "Customers ask for it every week.",
    "It slows the whole team down.",
    "The auditors want to see it by the end of the quarter.",
    "Support has three open tickets about it.",
    "It broke after the last upgrade.",
    "Marketing needs it for the spring campaign.",
    "It was promised in the last sprint review.",
    "Half of the visitors give up at this point.",
    "Nobody remembers how it works.",
    "The old version runs out of service soon.",
];

pub(super) const DETAILS: [&str; 10] = [
    "Start with the screenshots in the shared folder.",
    "Talk to the design team before anything is merged.",
    "Keep the old address working for a month.",
    "Measure first, then decide.",
    "Mind the Danish and Polish translations.",
    "A keyboard alone must be enough to use it.",
    "There is a prototype from the summer.",
    "The numbers have to match the monthly statement.",
    "Ask legal about the wording.",
    "Leave a note in the changelog.",
];

/// In alphabetical order.
pub(super) const TAGS: [&str; 12] = [
    "accessibility",
    "api",
    "backend",
    "bug",
    "customer",
    "design",
    "docs",
    "feature",
    "frontend",
    "performance",
    "research",
    "security",
];

pub(super) const FIRST_NAMES: [&str; 25] = [
    "Ada", "Bram", "Chiara", "Dmitri", "Elif", "Farah", "Grace", "Hugo", "Inés", "José", "Kofi", "Linnéa", "Łukasz",
    "Mei", "Noah", "Oksana", "Priya", "Quentin", "Ravi", "Sofía", "Tariq", "Uma", "Viktor", "Yuki", "Zoë",
];

pub(super) const LAST_NAMES: [&str; 40] = [
    "Abbott",
    "Bianchi",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fernández",
    "Green",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalska",
    "Lindqvist",
    "Müller",
    "Nguyễn",
    "O'Brien",
    "Petrov",
    "Quist",
    "Rossi",
    "Singh",
    "Tanaka",
    "Usman",
    "Varga",
    "Weber",
    "Xu",
    "Yılmaz",
    "Zhang",
    "Andersson",
    "Baker",
    "Chowdhury",
    "Dvořák",
    "Esposito",
    "Fischer",
    "Gomez",
    "Hughes",
    "Ivanova",
    "Johnson",
    "Kaya",
    "Larsen",
    "Mensah",
    "Novak",
];
