// postconf -e, -X and -# on main.cf.
#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/drop_in.h"
#include "lib/config/main_cf.h"

#include "tools/postconf/edit.h"
#include "tools/postconf/file_editor.h"

namespace relais::postconf {

namespace {

struct Request {
    std::string name;
    std::string line;  // the new text
    int found = 0;
};

std::vector<Request> read_requests(const Options& options) {
    std::vector<Request> requests;
    for (const auto& argument : options.arguments) {
        check_edit_argument(options, argument);
        Request request{std::string(trim(argument)), {}, 0};
        if (options.action == Action::kEdit) {
            auto pair = split_name_value(argument);
            if (!pair) {
                log_fatal("{}", pair.error().message);
            }
            request.name = pair->name;
            request.line = format("{} = {}", pair->name, pair->value);
        }
        auto same = std::ranges::find(requests, request.name, &Request::name);
        if (same == requests.end()) {
            requests.push_back(std::move(request));
            continue;
        }
        log_warning("ignoring earlier request: '{}'", same->line.empty() ? same->name : same->line);
        *same = std::move(request);
    }
    return requests;
}

// The request for the name that the line sets.
Request* find_request(std::vector<Request>& requests, std::string_view line) {
    auto name = line.substr(0, line.find_first_of(" \t\r\n="));
    auto found = std::ranges::find(requests, name, &Request::name);
    return found == requests.end() ? nullptr : &*found;
}

void put_start(FileEditor& editor, Request& request, const std::string& text, Action action) {
    if (request.found++ == 1) {
        log_warning("{}: multiple entries for \"{}\"", editor.path(), request.name);
    }
    if (action == Action::kEdit) {
        editor.put_line(request.line);
    } else if (action == Action::kComment) {
        editor.put("#");
        editor.put(text);
    }
}

// main.cf.d is read after main.cf, so that an edit of main.cf may have no effect.
void warn_of_overrides(const std::string& directory, const std::vector<Request>& requests) {
    auto paths = drop_in_files(directory + "/main.cf.d");
    for (const auto& path : paths.value_or(std::vector<std::string>{})) {
        auto text = read_file(path);
        auto entries = parse_main_cf(text.value_or(""), path);
        if (!entries) {
            continue;
        }
        for (const auto& entry : *entries) {
            if (std::ranges::find(requests, entry.name, &Request::name) != requests.end()) {
                log_warning("{}, line {}: \"{}\" here overrides what main.cf says", path,
                            entry.line, entry.name);
            }
        }
    }
}

}  // namespace

void edit_main(const Options& options) {
    auto requests = read_requests(options);
    ConfigOptions where;
    where.directory = options.directory;
    std::string directory = config_directory_from(where);
    FileEditor editor(directory + "/main.cf");
    Request* current = nullptr;
    for (const auto& line : editor.lines()) {
        if (line.kind == PhysicalLine::Kind::kStart) {
            current = find_request(requests, line.text);
            if (current != nullptr) {
                put_start(editor, *current, line.text, options.action);
                continue;
            }
        }
        if (line.kind == PhysicalLine::Kind::kContinuation && current != nullptr) {
            if (options.action == Action::kComment) {
                editor.put("#");
                editor.put(line.text);
            }
            continue;
        }
        editor.put(line.text);
    }
    for (const auto& request : requests) {
        if (request.found == 0 && options.action == Action::kEdit) {
            editor.put_line(request.line);
        }
    }
    editor.save();
    warn_of_overrides(directory, requests);
}

}  // namespace relais::postconf
