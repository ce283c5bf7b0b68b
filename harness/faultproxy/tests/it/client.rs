//! Our client against our server, and against the original's oddities.
use faultproxy::client::{Client, ClientError, Proxy, Toxic};

use crate::support::{Echo, echoed, server};

#[tokio::test]
async fn it_drives_a_server() {
    let (server, echo) = (server().await, Echo::start().await);
    let client = Client::new(&server.url()).unwrap();
    assert_eq!(client.version().await.unwrap(), "2.12.0");
    let made = client.create("a/b c", "127.0.0.1:0", &echo.address.to_string()).await.unwrap();
    let mut slow = Toxic::new("latency", "upstream", &[("latency", 1)]);
    slow.ttl_ms = Some(15_000);
    let slow = client.add_toxic("a/b c", &slow).await.unwrap();
    assert_eq!((slow.name.as_str(), slow.ttl_ms), ("latency_upstream", Some(15_000)));
    let mut stream = tokio::net::TcpStream::connect(&made.listen).await.unwrap();
    echoed(&mut stream, b"through").await.unwrap();
    let faster = Toxic { toxicity: 0.5, ..slow };
    assert_eq!(client.update_toxic("a/b c", &faster).await.unwrap(), faster);
    assert_eq!(client.toxics("a/b c").await.unwrap(), [faster]);
    client.delete_toxic("a/b c", "latency_upstream").await.unwrap();
    assert!(!client.enable("a/b c", false).await.unwrap().enabled);
    client.reset().await.unwrap();
    assert!(client.proxy("a/b c").await.unwrap().enabled);
    assert_eq!(client.redirect("a/b c", "127.0.0.1:9").await.unwrap().upstream, "127.0.0.1:9");
    client.delete("a/b c").await.unwrap();
    assert!(client.proxies().await.unwrap().is_empty());
    assert!(client.populate(&[]).await.unwrap().is_empty(), "null is no proxies");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_servers_words() {
    let server = server().await;
    let client = Client::new(&server.url()).unwrap();
    let told = client.proxy("none").await.unwrap_err();
    assert!(
        matches!(&told, ClientError::Refused { status: 404, text, .. } if text == "proxy not found"),
        "{told}"
    );
    assert!(Client::new("toxiproxy").is_err());
    let nobody = Client::new("http://127.0.0.1:9").unwrap().version().await.unwrap_err();
    assert!(nobody.to_string().contains("http://127.0.0.1:9"), "{nobody}");
    let leaks =
        r#"{"name":"p","listen":"l","upstream":"u","enabled":true,"Logger":{},"toxics":[]}"#;
    assert_eq!(serde_json::from_str::<Proxy>(leaks).unwrap().name, "p");
}
