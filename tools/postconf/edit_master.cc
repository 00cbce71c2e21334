// postconf -M, -F and -P with -e, -X or -#: services, fields and settings of master.cf.
#include <algorithm>
#include <optional>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/drop_in.h"
#include "lib/config/main_cf.h"

#include "tools/postconf/edit.h"
#include "tools/postconf/file_editor.h"
#include "tools/postconf/model.h"
#include "tools/postconf/patterns.h"
#include "tools/postconf/service_line.h"

namespace relais::postconf {

namespace {

struct Request {
    std::string argument;
    ServicePattern pattern;
    std::string value;               // -F and -P: the new one
    std::optional<Service> service;  // -M: the new one
    int found = 0;
};

MasterField field_of(std::string_view name) {
    auto at = std::ranges::find(kMasterFieldNames, name) - kMasterFieldNames.begin();
    return static_cast<MasterField>(at);
}

[[noreturn]] void bad_request(Subject subject) {
    if (subject == Subject::kServices) {
        log_fatal("-Me, -MX or -M# requires service_name/type");
    }
    if (subject == Subject::kFields) {
        log_fatal("-Fe or -FX requires service_name/type/field_name");
    }
    log_fatal("-Pe or -PX requires service_name/type/parameter");
}

void check_field_request(const Request& request) {
    const auto& name = request.pattern.detail;
    if (name == "*") {
        log_fatal("-Fe does not accept wild-card field name");
    }
    if (std::ranges::find(kMasterFieldNames, name) == kMasterFieldNames.end()) {
        log_fatal("invalid service attribute name: \"{}\"", name);
    }
    auto field = field_of(name);
    if (field != MasterField::kCommand &&
        request.value.find_first_of(kBlanks) != std::string::npos) {
        log_fatal("-Fe does not accept whitespace in non-command field");
    }
    if (request.value.empty()) {
        log_fatal("invalid {} field \"\" in \"{}\"", name, request.argument);
    }
}

void check_setting_request(const Request& request) {
    if (request.pattern.detail == "*") {
        log_fatal("-Pe does not accept wild-card parameter name");
    }
    if (request.value.find_first_of(kBlanks) != std::string::npos) {
        log_fatal("-Pe does not accept whitespace in parameter value");
    }
}

Request read_request(const Options& options, const std::string& argument) {
    Request request;
    check_edit_argument(options, argument);
    request.argument = argument;
    std::string name(trim(argument));
    if (options.action == Action::kEdit) {
        auto pair = split_name_value(argument);
        if (!pair) {
            log_fatal("{}", pair.error().message);
        }
        name = pair->name;
        request.value = pair->value;
    }
    auto parts = split_words(name, "/");
    std::size_t wanted = options.subject == Subject::kServices ? 2 : 3;
    if (parts.size() != wanted) {
        bad_request(options.subject);
    }
    request.pattern.name = parts[0];
    request.pattern.type = parts[1];
    request.pattern.detail = wanted == 3 ? std::string(parts[2]) : "*";
    if (options.subject == Subject::kFields) {
        check_field_request(request);
    } else if (options.subject == Subject::kServiceSettings) {
        check_setting_request(request);
    } else if (options.action == Action::kEdit) {
        LogicalLine line{request.value, 0, 0};
        if (!split_master_line(line)) {
            log_fatal("bad field count: \"{}\"", argument);
        }
        request.service = parse_service(line);
    }
    return request;
}

void set_field(Service& service, const Request& request) {
    auto field = field_of(request.pattern.detail);
    auto& fields = service.line.fields;
    check_field(field, request.value, request.value);
    if (field != MasterField::kCommand) {
        fields.at(static_cast<std::size_t>(field)) = request.value;
        return;
    }
    // The command comes with its arguments: read it as the end of a line.
    LogicalLine line{"x unix - - - - - " + request.value, 0, 0};
    auto parsed = parse_service(line);
    fields.back() = parsed.line.fields.back();
    service.line.arguments = parsed.line.arguments;
}

bool names_parameter(const std::string& setting, const std::string& name) {
    auto pair = split_name_value(setting);
    return pair && pair->name == name;
}

// Sets or removes "-o name=value" among the options; a new one goes behind the others.
void set_parameter(Service& service, const Request& request, Action action) {
    auto& arguments = service.line.arguments;
    const auto& name = request.pattern.detail;
    std::size_t end = 0;
    bool set = false;
    while (end < arguments.size() && arguments[end].starts_with('-') && arguments[end] != "--") {
        bool is_setting = arguments[end] == "-o" && end + 1 < arguments.size();
        if (is_setting && names_parameter(arguments[end + 1], name)) {
            if (action == Action::kRemove || set) {
                auto at = arguments.begin() + static_cast<std::ptrdiff_t>(end);
                arguments.erase(at, at + 2);
                continue;
            }
            arguments[end + 1] = name + "=" + request.value;
            set = true;
        }
        end += is_setting ? 2 : 1;
    }
    if (!set && action == Action::kEdit) {
        auto at = arguments.begin() + static_cast<std::ptrdiff_t>(end);
        at = arguments.insert(at, "-o");
        arguments.insert(at + 1, name + "=" + request.value);
    }
}

// Goes over the file and applies every request to the services that it names.
class MasterEditor {
  public:
    explicit MasterEditor(const Options& options)
        : options_(options), show_(print_options()), editor_(master_cf_of(options)) {
        for (const auto& argument : options.arguments) {
            requests_.push_back(read_request(options, argument));
        }
    }

    void run() {
        for (const auto& line : editor_.lines()) {
            ++number_;
            if (line.kind == PhysicalLine::Kind::kStart) {
                finish_service();
                start_service(line.text);
            } else if (line.kind == PhysicalLine::Kind::kContinuation && is_edited_) {
                put_edited(line.text);
            } else {
                editor_.put(line.text);
            }
        }
        finish_service();
        append_new();
        editor_.save();
        warn_of_overrides();
    }

  private:
    static std::string master_cf_of(const Options& options) {
        ConfigOptions where;
        where.directory = options.directory;
        return config_directory_from(where) + "/master.cf";
    }

    // master.cf.d is read after master.cf, so that an edit of master.cf may have no effect.
    void warn_of_overrides() const {
        auto paths = drop_in_files(editor_.path() + ".d");
        for (const auto& path : paths.value_or(std::vector<std::string>{})) {
            auto text = read_file(path);
            auto lines = parse_master_lines(text.value_or(""), path);
            for (const auto& line : lines.value_or(std::vector<MasterLine>{})) {
                warn_if_edited(Service{line, {}, {}});
            }
        }
    }

    void warn_if_edited(const Service& service) const {
        auto edited = [&](const Request& request) { return request.pattern.matches(service); };
        if (std::ranges::any_of(requests_, edited)) {
            log_warning("{}, line {}: {} here overrides what master.cf says", service.line.file,
                        service.line.first_line, service.id());
        }
    }

    static Options print_options() {
        Options show;
        show.fold = true;
        return show;
    }

    void start_service(const std::string& text) {
        is_edited_ = false;
        text_.clear();
        auto words = split_words(text);
        if (words.size() < 2) {
            log_fatal("file {}: line {}: specify service name and type on the same line",
                      editor_.path(), number_);
        }
        Service head;
        head.line.fields.at(0) = words[0];
        head.line.fields.at(1) = words[1];
        active_.clear();
        for (auto& request : requests_) {
            if (request.pattern.matches(head)) {
                active_.push_back(&request);
            }
        }
        is_edited_ = !active_.empty();
        if (!is_edited_) {
            editor_.put(text);
            return;
        }
        put_edited(text);
        if (options_.subject == Subject::kServices && options_.action == Action::kEdit) {
            put_new_service();
        }
    }

    // What happens to a physical line of a service that is edited.
    void put_edited(const std::string& text) {
        if (options_.subject != Subject::kServices) {
            text_ += text;
        } else if (options_.action == Action::kComment) {
            editor_.put("#" + text);
        }
    }

    // -M -e: the first service that the request names becomes the new one, the others go; of
    // requests for one service the last counts.
    void put_new_service() {
        for (auto* request : active_) {
            ++request->found;
        }
        if (active_.back()->found == 1) {
            editor_.put_line(service_text(*active_.back()->service, show_, nullptr));
        }
    }

    // -F and -P: the service is known whole when the next one begins.
    void finish_service() {
        if (!is_edited_ || options_.subject == Subject::kServices) {
            is_edited_ = false;
            return;
        }
        is_edited_ = false;
        auto logical = read_logical_lines(text_);
        if (logical.empty() || !split_master_line(logical.front())) {
            log_fatal("file {}: line {}: bad field count", editor_.path(), number_);
        }
        auto service = parse_service(logical.front());
        for (auto* request : active_) {
            ++request->found;
            if (options_.subject == Subject::kFields) {
                set_field(service, *request);
            } else {
                set_parameter(service, *request, options_.action);
            }
        }
        editor_.put_line(service_text(service, show_, nullptr));
    }

    void append_new() {
        for (const auto& request : requests_) {
            bool may_be_missing =
                options_.subject == Subject::kServices && options_.action != Action::kEdit;
            if (request.found > 0 || may_be_missing) {
                continue;
            }
            if (request.service) {
                editor_.put_line(service_text(*request.service, show_, nullptr));
            } else {
                log_warning("unmatched service_name/type: \"{}\"", request.argument);
            }
        }
    }

    const Options& options_;
    Options show_;
    FileEditor editor_;
    std::vector<Request> requests_;
    std::vector<Request*> active_;
    std::string text_;
    int number_ = 0;
    bool is_edited_ = false;
};

}  // namespace

void edit_master(const Options& options) {
    MasterEditor(options).run();
}

}  // namespace relais::postconf
