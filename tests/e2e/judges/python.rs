//! The judges in Python. They run by `cargo dev test --judges`, which installs what they need.

use super::tokens::{self, Foreign};
use super::{Judge, seals};

#[tokio::test]
#[ignore = "needs Python: cargo dev test --judges"]
async fn pyjwt_verifies_our_tokens_and_none_that_was_changed() {
    tokens::judged(&Judge::python("pyjwt.py")).await;
}

#[tokio::test]
#[ignore = "needs Python: cargo dev test --judges"]
async fn joserfc_verifies_our_tokens_and_none_that_was_changed() {
    tokens::judged(&Judge::python("joserfc.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo dev test --judges"]
async fn the_edge_takes_the_tokens_of_pyjwt_and_joserfc() {
    let foreign = Foreign::start().await;
    for script in ["pyjwt.py", "joserfc.py"] {
        foreign.takes_tokens_of(&Judge::python(script)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo dev test --judges"]
async fn what_pyjwt_and_joserfc_take_of_the_hostile_tokens_is_known() {
    let forgeries = Foreign::start().await.forgeries().await;
    for script in ["pyjwt.py", "joserfc.py"] {
        forgeries.judged_by(&Judge::python(script)).await;
    }
}

#[tokio::test]
#[ignore = "needs Python: cargo dev test --judges"]
async fn a_second_library_verifies_what_the_edge_has_sealed() {
    seals::judged(&Judge::python("seals.py")).await;
}
