//! A panic in the worker costs the requests that were on their way through that instance, each of which is answered
//! with an error, and nothing else: the next one begins with a new instance.

use crate::fixture::Mobile;
use crate::stand_in::StandIn;

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_what_was_on_its_way_and_nothing_else() {
    let stand_in = StandIn::with(&["--next-version", "edge"]).await;
    let user = stand_in.system.new_user().await;
    let app = Mobile::of(&stand_in.system.edge, &user).await;
    let on_its_way = async |path: &str| {
        let mut visits = stand_in.at(path);
        let (app, path) = (app.clone(), path.to_owned());
        let answer = tokio::spawn(async move { app.get(&path).await });
        (visits.next().await, answer)
    };
    let (early_visit, early) = on_its_way("/api/reports/early").await;
    let (late_visit, late) = on_its_way("/api/reports/late").await;

    app.get("/edge/panic").await.is(500);
    early_visit.answer("200 OK", &[], "while the old instance stands").await;
    early.await.expect("an answer").is(500);

    let (visit, after) = on_its_way("/api/reports/after").await;
    visit.answer("200 OK", &[], "by the new instance").await;
    assert_eq!(after.await.expect("an answer").is(200).text(), "by the new instance");

    late_visit.answer("200 OK", &[], "after the old instance").await;
    late.await.expect("an answer").is(500);
    let log = stand_in.system.log();
    assert_eq!(log.matches("Reinitializing").count(), 1, "{log}");
    assert_eq!(log.matches("it was asked for").count(), 1, "{log}");
    assert!(!log.contains("RuntimeError: memory access"), "{log}");
}

#[tokio::test]
async fn what_is_thrown_out_of_the_worker_ends_its_instance_and_not_the_next_one() {
    let stand_in = StandIn::with(&["--next-version", "edge"]).await;
    let edge = Mobile::at(&stand_in.system.edge);
    edge.get("/edge/health").await.is(200);
    edge.get("/edge/throw").await.is(500);
    edge.get("/edge/health").await.is(200);

    // While a request waited: nobody sees it end, and the next one is answered all the same.
    let mut visits = stand_in.at("/public/late-throw");
    let service = async { visits.next().await.answer("200 OK", &[], "").await };
    let (answer, ()) = tokio::join!(edge.get("/public/late-throw"), service);
    answer.is(500);
    edge.get("/edge/health").await.is(200);
}
