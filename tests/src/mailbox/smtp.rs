//! As much of SMTP (RFC 5321) as a program that sends mail needs: no encryption, no delivery, and any password is good.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::clock;

use super::{Conduct, Mailbox, Message};

/// The longest message that is taken.
const LARGEST: u64 = 10 * 1024 * 1024;

/// Takes mail from everyone who connects.
pub(super) async fn receive(listener: TcpListener, mailbox: Mailbox) {
    while let Ok((stream, _)) = listener.accept().await {
        let mailbox = mailbox.clone();
        tokio::spawn(async move {
            let (input, output) = stream.into_split();
            // A client that breaks off has sent nothing.
            let _ = conversation(BufReader::new(input), output, &mailbox).await;
        });
    }
}

/// One connection, from the greeting to QUIT.
async fn conversation(
    input: BufReader<impl AsyncRead + Unpin>,
    mut output: impl AsyncWrite + Unpin,
    mailbox: &Mailbox,
) -> std::io::Result<()> {
    let mut input = input.take(LARGEST);
    let mut recipients: Vec<String> = Vec::new();
    match mailbox.conduct.get() {
        Conduct::Refuse => return Ok(()),
        // Until whoever waits gives up.
        Conduct::Hang => return line(&mut input).await.map(drop),
        Conduct::Take | Conduct::Defer | Conduct::Reject => {}
    }
    output.write_all(b"220 mailbox ready\r\n").await?;
    while let Some(line) = line(&mut input).await? {
        let verb = verb(&line);
        let failure = match (mailbox.conduct.get(), verb.as_str()) {
            (Conduct::Refuse, _) => return Ok(()),
            (Conduct::Hang, _) => continue,
            (Conduct::Defer, "MAIL" | "RCPT" | "DATA") => Some("451 not now\r\n"),
            (Conduct::Reject, "MAIL" | "RCPT" | "DATA") => Some("550 never\r\n"),
            _ => None,
        };
        if let Some(failure) = failure {
            output.write_all(failure.as_bytes()).await?;
            continue;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let answer = match verb.as_str() {
            "EHLO" => "250-mailbox\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SMTPUTF8\r\n",
            "AUTH" => "235 whoever that is\r\n",
            "HELO" | "NOOP" => "250 fine\r\n",
            "MAIL" | "RSET" => {
                recipients.clear();
                "250 fine\r\n"
            }
            "RCPT" => {
                recipients.extend(address(&line));
                "250 fine\r\n"
            }
            "DATA" if recipients.is_empty() => "503 nobody to send it to\r\n",
            "DATA" => {
                output.write_all(b"354 go on\r\n").await?;
                let Some(content) = content(&mut input).await? else { return Ok(()) };
                mailbox.keep(Message::parse(&recipients.join(", "), &content, clock::now()));
                recipients.clear();
                "250 kept\r\n"
            }
            "QUIT" => return output.write_all(b"221 goodbye\r\n").await,
            _ => "500 unknown command\r\n",
        };
        output.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// The command of a line, in upper case.
fn verb(line: &[u8]) -> String {
    String::from_utf8_lossy(line).split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase()
}

/// The address in `RCPT TO:<address>`.
fn address(command: &str) -> Option<String> {
    Some(command.split_once('<')?.1.split_once('>')?.0.to_owned())
}

/// What follows DATA, up to the line that is a single dot, which is left out, as are the dots that were added to
/// lines that begin with one (RFC 5321 §4.5.2).
async fn content(input: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    while let Some(line) = line(input).await? {
        if line == b"." {
            return Ok(Some(content));
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        content.push(b'\n');
    }
    Ok(None)
}

/// The next line, without its end.
async fn line(input: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        line.pop();
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_taken_and_kept() {
        let input =
            "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: Hi\r\n\r\n..x\r\n.\r\nQUIT\r\n";
        let (mailbox, mut output) = (Mailbox::default(), Vec::new());
        conversation(BufReader::new(input.as_bytes()), &mut output, &mailbox).await.unwrap();
        let kept = mailbox.messages.lock().unwrap();
        assert_eq!(
            (kept[0].to.as_str(), kept[0].subject.as_str(), kept[0].text.as_str()),
            ("c@d", "Hi", ".x\n")
        );
        assert!(String::from_utf8(output).unwrap().ends_with("354 go on\r\n250 kept\r\n221 goodbye\r\n"));
    }

    #[tokio::test]
    async fn a_server_that_fails_keeps_nothing() {
        let input = "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nQUIT\r\n";
        for (conduct, answer) in
            [(Conduct::Refuse, ""), (Conduct::Hang, ""), (Conduct::Defer, "451 "), (Conduct::Reject, "550 ")]
        {
            let (mailbox, mut output) = (Mailbox::default(), Vec::new());
            mailbox.conduct.set(conduct);
            conversation(BufReader::new(input.as_bytes()), &mut output, &mailbox).await.unwrap();
            let said = String::from_utf8(output).unwrap();
            assert!(said.contains(answer), "{conduct:?}: {said}");
            assert_eq!(said.is_empty(), answer.is_empty(), "{conduct:?}: {said}");
            assert_eq!(*mailbox.messages.lock().unwrap(), [], "{conduct:?}");
        }
    }
}
