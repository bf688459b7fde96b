//! Where a language's tests go by convention, when no test shows it: manifests first, then the table.

use super::{
    Context, framework,
    language::Home,
    listing::{ancestors, file_name_of, folder_of, join, parts},
};

/// Manifests that may say `testpaths`.
const PYTHON_MANIFESTS: &[&str] = &["pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini"];

/// How the test file is called; `{}` stands for the source's stem.
pub fn name(context: &Context) -> &'static str {
    let says = |names: &[&str], words: &[&str]| {
        let found = |_: &str, text: &str| words.iter().any(|word| text.contains(word)).then_some(());
        context.manifest(names, found).is_some()
    };
    match context.language.name {
        "javascript" if says(&["package.json"], &["\"@angular/core\"", "\"@nestjs/core\"", "\"jasmine\""]) => "{}.spec",
        "javascript" if context.listing.has_file_called("deno.json") && !says(&["package.json"], &["{"]) => "{}_test",
        "ruby" if ruby_folder(context) == "test" => "{}_test",
        "scala" if says(&["build.sbt", "build.sc"], &["munit"]) => "{}Suite",
        _ => context.language.names.first().copied().unwrap_or("{}"),
    }
}

/// The folder of the test file.
pub fn folder(context: &Context) -> String {
    let own = folder_of(context.source);
    match context.language.home {
        Home::UsuallyBeside if framework::of(context).as_deref() == Some("mocha") => mirrored(context),
        Home::Beside | Home::UsuallyBeside | Home::Crate => own.into(),
        Home::Mirrored if is_among_tests(context) => own.into(),
        Home::Mirrored => mirrored(context),
        Home::Flat => tests_folder(context).path,
        Home::Maven => maven(context),
        Home::SiblingProject if context.language.name == "swift" => swift(context),
        Home::SiblingProject => csharp(context),
    }
}

/// Whether the source is a helper of tests, which is best tested where it is.
fn is_among_tests(context: &Context) -> bool {
    parts(folder_of(context.source)).any(|part| context.language.folders.contains(&part))
}

/// The folder of all tests, and the folder whose sources they test.
struct TestsFolder {
    path: String,
    above: String,
}

/// What a manifest says, else the nearest existing folder of a usual name, else the most usual name in the project.
fn tests_folder(context: &Context) -> TestsFolder {
    if let Some(folder) = hinted(context) {
        return folder;
    }
    let project = context.listing.project(context.source);
    let levels = ancestors(folder_of(context.source)).take_while(|level| level.starts_with(project));
    let names = match context.language.name {
        "ruby" => vec![ruby_folder(context)],
        _ => context.language.folders.to_vec(),
    };
    for level in levels {
        let existing = names.iter().map(|name| join(level, name)).find(|path| context.listing.has_folder(path));
        if let Some(path) = existing {
            return TestsFolder { path, above: level.into() };
        }
    }
    let name = names.first().copied().unwrap_or("tests");
    TestsFolder { path: join(project, name), above: project.into() }
}

fn hinted(context: &Context) -> Option<TestsFolder> {
    match context.language.name {
        "python" => context.manifest(PYTHON_MANIFESTS, |above, text| {
            let path = join(above, testpath(text)?);
            let is_of_sources = format!("{}/", context.source).starts_with(&join(&path, ""));
            (!is_of_sources).then(|| TestsFolder { path, above: above.into() })
        }),
        "php" => {
            let above = context.listing.project(context.source);
            let path = join(above, "tests/Unit");
            let says = |_: &str, text: &str| text.contains("tests/Unit").then_some(());
            let is_said = || context.manifest(&["phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml"], says).is_some();
            (context.listing.has_folder(&path) || is_said()).then(|| TestsFolder { path, above: above.into() })
        }
        _ => None,
    }
}

/// The first of pytest's `testpaths`, in TOML or INI.
fn testpath(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| {
        let behind = line.trim_start().strip_prefix("testpaths");
        behind.is_some_and(|behind| behind.trim_start().starts_with('='))
    })?;
    // The value may go on below its key.
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    let value = text[start..].split_once('=')?.1.trim_start_matches([' ', '\t', '\r', '\n', '[', '"', '\'']);
    let path = value.split(['"', '\'', ',', ' ', '\t', '\r', '\n', ']', '#']).next()?;
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let is_plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    (is_plain && !path.contains(['*', '?', '[', ':', '\\', '$', '='])).then_some(path)
}

/// The tests' folder with the sources' folders repeated in it.
fn mirrored(context: &Context) -> String {
    let TestsFolder { path, above } = tests_folder(context);
    let inside = folder_of(context.source).strip_prefix(&above).unwrap_or_default();
    let mut inside: Vec<&str> = parts(inside).collect();
    let mut level = above;
    if let Some(first) = inside.first().filter(|first| context.language.stripped.contains(first)) {
        level = join(&level, first);
        inside.remove(0);
    }
    // The one package of a Python project isn't repeated either.
    if context.language.name == "python"
        && let Some(package) = inside.first()
        && context.listing.contains(&join(&join(&level, package), "__init__.py"))
    {
        inside.remove(0);
    }
    inside.iter().fold(path, |path, part| join(&path, part))
}

/// `spec` or `test`.
fn ruby_folder(context: &Context) -> &'static str {
    let project = context.listing.project(context.source);
    let has = |folder: &str| context.listing.has_folder(&join(project, folder));
    let says = |_: &str, text: &str| match (text.contains("rspec"), text.contains("minitest")) {
        (true, _) => Some("spec"),
        (_, true) => Some("test"),
        _ => None,
    };
    match (has("spec") || context.listing.has_file_called(".rspec"), has("test")) {
        (true, _) => "spec",
        (_, true) => "test",
        _ => context.manifest(&["Gemfile"], says).unwrap_or("spec"),
    }
}

/// `src/main/java/x` → `src/test/java/x`, for every source set: `src/jvmMain/kotlin` → `src/jvmTest/kotlin`.
fn maven(context: &Context) -> String {
    let own: Vec<&str> = parts(folder_of(context.source)).collect();
    for (index, pair) in own.windows(2).enumerate() {
        let set = match pair {
            ["src", "main"] => "test".to_string(),
            ["src", set] if set.ends_with("Main") => set.replace("Main", "Test"),
            _ => continue,
        };
        let mut own: Vec<&str> = own.clone();
        own[index + 1] = &set;
        return own.join("/");
    }
    let project = context.listing.project(context.source);
    let inside = folder_of(context.source).strip_prefix(project).unwrap_or_default();
    let mut inside: Vec<&str> = parts(inside).collect();
    if inside.first().is_some_and(|first| ["src", "app"].contains(first)) {
        inside.remove(0);
    }
    let existing = context.language.folders.iter().map(|name| join(project, name));
    let existing = existing.into_iter().find(|path| context.listing.has_folder(path));
    let folder = existing.unwrap_or_else(|| join(project, &format!("src/test/{}", context.language.name)));
    let package: Vec<&str> = package(context.source_text).map_or(inside, |package| package.split('.').collect());
    package.iter().fold(folder, |folder, part| join(&folder, part))
}

/// The package that a Java, Kotlin or Scala file declares.
fn package(text: &str) -> Option<&str> {
    let mut declared = text.lines().filter_map(|line| line.trim().strip_prefix("package "));
    let name = declared.next()?.split([';', ' ', '/', '{']).next()?.trim();
    let is_plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.split('.').all(is_plain).then_some(name)
}

/// `Sources/App/Models/A.swift` → `Tests/AppTests`; in an Xcode project `App/Models/A.swift` → `AppTests`.
fn swift(context: &Context) -> String {
    let own: Vec<&str> = parts(folder_of(context.source)).collect();
    if let Some(index) = own.iter().position(|part| *part == "Sources" || *part == "Source") {
        let folder = join(&own[..index].join("/"), "Tests");
        return own.get(index + 1).map_or(folder.clone(), |target| join(&folder, &format!("{target}Tests")));
    }
    match own.first() {
        Some(target) => format!("{target}Tests"),
        None => "Tests".into(),
    }
}

/// `src/App/Models/A.cs` → `src/App.Tests/Models`, or `tests/App.Tests/Models` where there is such a folder.
fn csharp(context: &Context) -> String {
    let own = folder_of(context.source);
    let projects = || context.listing.files().filter(|path| path.ends_with(".csproj"));
    let name_of = |path: &str| file_name_of(path).trim_end_matches(".csproj").to_string();
    let found = ancestors(own).find_map(|level| projects().find(|path| folder_of(path) == level));
    let (folder, name) = match found {
        Some(project) => (folder_of(project).to_string(), name_of(project)),
        None => {
            let mut own = parts(own);
            match (own.next(), own.next()) {
                (Some("src"), Some(name)) => (format!("src/{name}"), name.to_string()),
                (Some("src"), None) | (None, _) => return "Tests".into(),
                (Some(name), _) => (name.to_string(), name.to_string()),
            }
        }
    };
    let inside = parts(own.strip_prefix(&folder).unwrap_or_default());
    let ends = [".Tests", ".UnitTests", ".Test", "Tests"];
    let existing = ends.iter().find_map(|end| projects().find(|path| name_of(path) == format!("{name}{end}")));
    let beside = join(folder_of(&folder), &format!("{name}.Tests"));
    let tests = match existing {
        Some(project) => folder_of(project).to_string(),
        None => match ["tests", "test"].iter().find(|folder| context.listing.has_folder(folder)) {
            Some(folder) if !context.listing.has_folder(&beside) => join(folder, &format!("{name}.Tests")),
            _ => beside,
        },
    };
    inside.fold(tests, |tests, part| join(&tests, part))
}
