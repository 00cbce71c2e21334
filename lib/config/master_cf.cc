#include "lib/config/master_cf.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/drop_in.h"
#include "lib/config/values.h"

namespace relais {

namespace {

// Postfix's words for the columns in its messages.
constexpr std::array<std::string_view, 8> kMessageNames = {
    "service name", "transport type", "private",  "unprivileged",
    "chroot",       "wakeup_time",    "max_proc", "command"};

constexpr std::string_view kSeparators = " \t\r\n";

struct TypeName {
    std::string_view name;
    ServiceType type;
};

constexpr std::array kTypes = {
    TypeName{"inet", ServiceType::kInet},
    TypeName{"unix", ServiceType::kUnix},
    TypeName{"unix-dgram", ServiceType::kUnixDgram},
    TypeName{"fifo", ServiceType::kFifo},
    TypeName{"pass", ServiceType::kPass},
};

class LineErrors {
  public:
    LineErrors(std::string_view path, int line) : path_(path), line_(line) {}

    std::unexpected<Error> error(std::string_view what) const {
        return fail(Errc::kSyntax, format("{}: line {}: {}", path_, line_, what));
    }

    std::unexpected<Error> bad_value(MasterField field, std::string_view value) const {
        return error(format("field \"{}\": bad value: \"{}\"",
                            kMessageNames.at(static_cast<std::size_t>(field)), value));
    }

  private:
    std::string_view path_;
    int line_;
};

std::string_view next_word(std::string_view& text) {
    text = trim_left(text, kSeparators);
    auto word = text.substr(0, text.find_first_of(kSeparators));
    text.remove_prefix(word.size());
    return word;
}

// The fields, and the arguments without their braces.
Result<MasterLine> read_line(const LogicalLine& logical, std::string_view path) {
    LineErrors errors(path, logical.first_line);
    auto line = split_master_line(logical);
    if (!line) {
        return errors.error(line.error().message);
    }
    for (auto& argument : line->arguments) {
        if (!argument.starts_with('{')) {
            continue;
        }
        auto inside = strip_braces(argument);
        if (!inside) {
            return errors.error(inside.error().message);
        }
        argument = std::string(*inside);
    }
    return line;
}

// "y", "n" or "-".
Result<bool> read_bool(const MasterLine& line, MasterField field, bool by_default,
                       const LineErrors& errors) {
    const auto& text = line.field(field);
    if (text == "-") {
        return by_default;
    }
    if (text != "y" && text != "n") {
        return errors.bad_value(field, text);
    }
    return text == "y";
}

// The digits that the field begins with; what follows them is not looked at.
Result<int> read_number(const MasterLine& line, MasterField field, int by_default,
                        const LineErrors& errors) {
    std::string_view text = line.field(field);
    if (text == "-") {
        return by_default;
    }
    auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
    auto number = parse_uint(digits);
    if (!number || *number > std::uint64_t{std::numeric_limits<int>::max()}) {
        return errors.bad_value(field, text);
    }
    return static_cast<int>(*number);
}

Result<ServiceType> read_type(const MasterLine& line, const LineErrors& errors) {
    for (const auto& known : kTypes) {
        if (line.field(MasterField::kType) == known.name) {
            return known.type;
        }
    }
    return errors.bad_value(MasterField::kType, line.field(MasterField::kType));
}

}  // namespace

std::string_view service_type_name(ServiceType type) {
    for (const auto& known : kTypes) {
        if (type == known.type) {
            return known.name;
        }
    }
    return {};
}

Result<MasterLine> split_master_line(const LogicalLine& logical) {
    MasterLine line;
    line.first_line = logical.first_line;
    line.last_line = logical.last_line;
    std::string_view rest = logical.text;
    for (std::size_t i = 0; i < line.fields.size(); ++i) {
        auto word = next_word(rest);
        if (word.empty()) {
            return fail(Errc::kSyntax, format("missing \"{}\" field", kMessageNames.at(i)));
        }
        line.fields.at(i) = word;
    }
    line.arguments = split_list(rest, kSeparators);
    return line;
}

std::vector<std::string> normalize_options(std::vector<std::string> arguments) {
    std::vector<std::string> out;
    std::size_t i = 0;
    for (; i < arguments.size(); ++i) {
        std::string_view argument = arguments[i];
        if (!argument.starts_with('-') || argument == "--") {
            break;
        }
        auto o = argument.find('o');
        if (o == std::string_view::npos) {
            out.emplace_back(argument);
            continue;
        }
        if (o > 1) {
            out.emplace_back(argument.substr(0, o));
        }
        out.emplace_back("-o");
        if (o + 1 < argument.size()) {
            out.emplace_back(trim_left(argument.substr(o + 1)));
        } else if (i + 1 < arguments.size()) {
            out.push_back(std::move(arguments[++i]));
        }
    }
    std::move(arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end(),
              std::back_inserter(out));
    return out;
}

Result<std::vector<MasterLine>> parse_master_lines(std::string_view text, std::string_view path) {
    std::vector<MasterLine> lines;
    for (const auto& logical : read_logical_lines(text)) {
        if (is_blank(logical.text.front())) {
            log_warning("{}: logical line must not start with whitespace: \"{}\"", path,
                        excerpt(logical.text));
            continue;
        }
        auto line = read_line(logical, path);
        if (!line) {
            return fail_with(line);
        }
        line->file = path;
        lines.push_back(std::move(*line));
    }
    return lines;
}

Result<MasterService> interpret(const MasterLine& line, const MasterDefaults& defaults) {
    LineErrors errors(line.file, line.first_line);
    for (auto field : {MasterField::kName, MasterField::kType, MasterField::kCommand}) {
        if (line.field(field) == "-") {
            return errors.error(format("field \"{}\" has no default value",
                                       kMessageNames.at(static_cast<std::size_t>(field))));
        }
    }
    auto type = read_type(line, errors);
    auto is_private = read_bool(line, MasterField::kPrivate, true, errors);
    auto is_unprivileged = read_bool(line, MasterField::kUnprivileged, true, errors);
    auto is_chroot = read_bool(line, MasterField::kChroot, defaults.chroot, errors);
    auto wakeup = read_number(line, MasterField::kWakeup, 0, errors);
    auto limit = read_number(line, MasterField::kProcessLimit, defaults.process_limit, errors);
    if (!type) {
        return fail_with(type);
    }
    for (const auto* flag : {&is_private, &is_unprivileged, &is_chroot}) {
        if (!*flag) {
            return fail_with(*flag);
        }
    }
    for (const auto* number : {&wakeup, &limit}) {
        if (!*number) {
            return fail_with(*number);
        }
    }
    if (*type == ServiceType::kInet && *is_private) {
        return errors.error("inet service cannot be private");
    }
    return MasterService{.name = line.field(MasterField::kName),
                         .type = *type,
                         .is_private = *is_private,
                         .is_unprivileged = *is_unprivileged,
                         .is_chroot = *is_chroot,
                         .chroot_is_default = line.field(MasterField::kChroot) == "-",
                         .wakeup = *wakeup,
                         .wakeup_if_used = line.field(MasterField::kWakeup).ends_with('?'),
                         .process_limit = *limit,
                         .path = {},
                         .command = line.field(MasterField::kCommand),
                         .arguments = line.arguments,
                         .file = line.file,
                         .line = line.first_line};
}

namespace {

// Adds the services of one file to those of the files before it.
Result<void> add_services(std::string_view text, const MasterDefaults& defaults,
                          std::string_view path, std::vector<MasterService>& services) {
    auto lines = parse_master_lines(text, path);
    if (!lines) {
        return fail_with(lines);
    }
    for (const auto& line : *lines) {
        auto service = interpret(line, defaults);
        if (!service) {
            return fail_with(service);
        }
        auto same = std::ranges::find_if(services, [&](const auto& had) {
            return had.name == service->name && had.type == service->type;
        });
        if (same == services.end()) {
            services.push_back(std::move(*service));
            continue;
        }
        if (same->file == service->file) {
            log_warning("duplicate master.cf entry for service \"{}\" ({}) -- using the last entry",
                        service->name, service->name);
        }
        *same = std::move(*service);
    }
    return {};
}

}  // namespace

Result<std::vector<MasterService>> parse_master_cf(std::string_view text,
                                                   const MasterDefaults& defaults,
                                                   std::string_view path) {
    std::vector<MasterService> services;
    auto done = add_services(text, defaults, path, services);
    if (!done) {
        return fail_with(done);
    }
    return services;
}

Result<std::vector<MasterService>> read_master_cf(const std::string& config_directory,
                                                  const MasterDefaults& defaults) {
    auto paths = drop_in_files(config_directory + "/master.cf.d");
    if (!paths) {
        return fail_with(paths);
    }
    paths->insert(paths->begin(), config_directory + "/master.cf");
    std::vector<MasterService> services;
    for (const auto& path : *paths) {
        auto text = read_file(path);
        if (!text) {
            return fail_with(text);
        }
        auto done = add_services(*text, defaults, path, services);
        if (!done) {
            return fail_with(done);
        }
    }
    return services;
}

std::vector<std::string> parameter_settings(const std::vector<std::string>& arguments) {
    auto options = normalize_options(arguments);
    std::vector<std::string> settings;
    for (std::size_t i = 0; i < options.size() && options[i].starts_with('-'); ++i) {
        if (options[i] == "--") {
            break;
        }
        if (options[i] == "-o" && i + 1 < options.size()) {
            settings.push_back(options[++i]);
        }
    }
    return settings;
}

}  // namespace relais
