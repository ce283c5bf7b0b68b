//! A server that was killed on purpose comes back where it listened, so that chaos can kill it.

use std::time::Duration;

use super::Launch;
use super::LaunchError;
use super::backend_start;
use crate::config::root;

impl Launch<'_> {
    /// After which pause a server that was killed is started again; none where it is not.
    pub(in crate::commands::stage) fn respawn(&self) -> Option<Duration> {
        let after = self.request.respawn_after_ms.map(Duration::from_millis);
        after.filter(|_| self.server.is_some())
    }

    /// Starts a server that was killed again, where it listened; its new process id once it answers.
    pub(in crate::commands::stage) async fn restart(
        &mut self,
        after: Duration,
    ) -> Result<u32, LaunchError> {
        let (binary, base_url) = self.server.clone().ok_or(LaunchError::NotStarted)?;
        drop(tokio::time::timeout(after, std::future::pending::<()>()).await);
        let address = base_url.trim_start_matches("http://").to_owned();
        let variables = self.variables(address, root::passed_on())?;
        let log = self.backend_log();
        let places = (self.request.run_dir.as_path(), log.as_path());
        let started = backend_start::start(self.ctx, &binary, variables, places).await?;
        let guarded = self.backend.insert(started);
        let version = tokio::select! {
            exit = guarded.exited() => return Err(LaunchError::Ended { path: binary, exit }),
            version = backend_start::version(&base_url, backend_start::pace()) => version,
        };
        let pid = guarded.pid();
        version.map(|_version| pid).map_err(|expired| LaunchError::NotReady {
            path: binary,
            within: expired.within,
            last_seen: expired.last_seen,
        })
    }
}
