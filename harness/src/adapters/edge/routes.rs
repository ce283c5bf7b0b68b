//! The resources of an API, and which of them a path belongs to (API Gateway developer guide, "Set up API resources"): a
//! plain part of a path goes before `{name}`, and that before `{name+}`.

/// The resources, by their place in the list.
#[derive(Debug)]
pub(super) struct Routes(Vec<Vec<Part>>);

#[derive(Debug)]
enum Part {
    Plain(String),
    One,
    Rest,
}

impl Routes {
    /// Of paths such as `/api/manuals/{id}` and `/{proxy+}`.
    pub(super) fn new(paths: &[String]) -> Self {
        let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))
        {
            Some(name) if name.ends_with('+') => Part::Rest,
            Some(_name) => Part::One,
            None => Part::Plain(part.to_owned()),
        };
        Self(paths.iter().map(|path| parts(path).map(part).collect()).collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The resource of `path`; none where the API has none for it.
    pub(super) fn of(&self, path: &str) -> Option<usize> {
        let path: Vec<&str> = parts(path).collect();
        let ranked =
            self.0.iter().enumerate().filter_map(|(at, route)| Some((rank(route, &path)?, at)));
        ranked.min().map(|(_, at)| at)
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/').filter(|part| !part.is_empty())
}

/// How far from plain each part of a route is, where it takes the path.
fn rank(route: &[Part], path: &[&str]) -> Option<Vec<u8>> {
    let mut rank = Vec::new();
    let mut path = path.iter();
    for part in route {
        match (part, path.next()) {
            (Part::Plain(wanted), Some(found)) if wanted == found => rank.push(0),
            (Part::One, Some(_)) => rank.push(1),
            (Part::Rest, Some(_)) => {
                rank.push(2);
                return Some(rank);
            }
            (Part::Plain(_) | Part::One | Part::Rest, _) => return None,
        }
    }
    path.next().is_none().then_some(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plainest_resource_takes_a_path() {
        let paths = ["/{proxy+}", "/", "/a/{id}", "/a/b", "/a/{id}/c", "/a"];
        let routes = Routes::new(&paths.map(str::to_owned));
        for (path, resource) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/b", "/a/b"),
            ("/a/x", "/a/{id}"),
            ("/a/x/c", "/a/{id}/c"),
            ("/a/b/c", "/a/{id}/c"),
            ("/a/x/d", "/{proxy+}"),
            ("/z", "/{proxy+}"),
        ] {
            assert_eq!(routes.of(path).map(|at| paths[at]), Some(resource), "{path}");
        }
        assert_eq!(Routes::new(&["/a".to_owned()]).of("/b"), None);
    }
}
