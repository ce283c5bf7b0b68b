//! What a test's backend writes to its log.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing_subscriber::Registry;

/// Lines written by a subscriber of one test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Lets every test's own subscriber hear every event, however many tests share the process.
///
/// `tracing` remembers for each callsite whether anybody listens. A callsite that one thread reaches for the first time
/// while another sets its subscriber can be remembered as "nobody" for good; with a listener from the start it cannot.
pub(crate) fn keep_listening() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing::subscriber::set_global_default(Registry::default()).unwrap();
    });
}
