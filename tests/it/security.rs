//! What an attacker tries, and what holds against it. One file a topic.

mod files;
