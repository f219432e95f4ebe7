//! The mailbox of a development system: what is sent to it can be read.

use crate::fixture::{Mobile, RawSocket, System};

#[tokio::test]
async fn a_mail_can_be_read_by_whoever_tests() {
    let system = System::shared().await;
    let (host, port) = system.mail.rsplit_once(':').expect("a port");
    let smtp = format!("{host}:{}", port.parse::<u16>().expect("a number") + 1);
    let mut mail = RawSocket::to(&smtp).await;
    mail.send("EHLO test\r\nMAIL FROM:<us@example.test>\r\nRCPT TO:<you@example.test>\r\nDATA\r\n").await;
    mail.send("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello.\r\n.\r\nQUIT\r\n").await;
    mail.receive_until("221 ").await;

    let messages = Mobile::at(&system.mail).get("/messages").await.is(200).json();
    let messages = messages["messages"].as_array().expect("a list");
    let message = messages.iter().find(|message| message["to"] == "you@example.test").expect("the message");
    assert_eq!(message["subject"], "Grüße");
    assert_eq!(message["text"], "Hello.\n");
    assert!(message["html"].is_null() && message["received_at"].is_string());
}
