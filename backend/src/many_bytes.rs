//! Work over many bytes, kept off the threads that serve requests: while a hash of a large body runs there, no other
//! request of that thread is answered.

/// What is done at once. Measured (criterion, dev, hashes with SHA-NI, `benches/request_path.rs`): signing 64 KiB takes 74 µs and
/// 6 MiB 5.7 ms, reading 6 MiB of JSON 2.4 ms, and handing work to another thread 26 µs.
const AT_ONCE_BYTES_MAX: usize = 64 * 1024;

/// Does the work over so many bytes, on a thread that may block if they are many.
pub async fn over<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Clone + Send + 'static,
) -> T {
    if bytes <= AT_ONCE_BYTES_MAX {
        return work();
    }
    match tokio::task::spawn_blocking(work.clone()).await {
        Ok(done) => done,
        // The thread ended before its work did, as at the end of the process.
        Err(_ended) => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn only_many_bytes_are_worth_another_thread() {
        let here = thread::current().id();
        let at = |bytes| over(bytes, || thread::current().id());
        assert_eq!(at(0).await, here);
        assert_eq!(at(AT_ONCE_BYTES_MAX).await, here);
        assert_ne!(at(AT_ONCE_BYTES_MAX + 1).await, here);
    }
}
