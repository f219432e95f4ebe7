//! The delivery of mail while a server keeps some of it waiting.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::world::{PASSWORD, World};
use crate::{
    delivery::Delivery,
    mailer::{Mailer, tests::Server},
};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_mail_that_is_kept_waiting_holds_up_no_other_and_a_stop_waits_for_it() {
    let mut server = Server::start().await;
    let url = server.settings.url();
    let settings = [("COUNTERSIGN_SMTP_URL", url.as_str()), ("COUNTERSIGN_MAIL_FROM", "login@example.test")];
    let world = World::with(&settings).await;
    let delivery = Delivery::start(world.app.clone(), Mailer::new(&server.settings).unwrap());
    let register = async |email| world.app.domain.register(&world.context(), email, PASSWORD).await.unwrap();

    register("slow@example.test").await;
    assert_eq!(server.next().await, "waits slow@example.test");
    register("quick@example.test").await;
    assert_eq!(server.next().await, "took quick@example.test");

    let mut stopping = tokio::spawn(delivery.finish(Instant::now() + LONG));
    timeout(Duration::from_millis(300), &mut stopping).await.expect_err("it waits");
    register("late@example.test").await;
    server.release.notify_one();
    assert_eq!(server.next().await, "took slow@example.test");
    timeout(LONG, stopping).await.expect("the end").unwrap();
    assert_eq!(world.app.domain.mail_waiting().await.unwrap().count, 1, "no more is taken");
}
