#include "tools/postconf/model.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/deprecated.h"
#include "lib/config/drop_in.h"
#include "lib/config/logical_lines.h"
#include "lib/config/main_cf.h"
#include "lib/config/values.h"

#include "tools/postconf/tables.h"

namespace relais::postconf {

namespace {

constexpr std::array<std::string_view, 3> kReadOnly = {"process_id", "process_name",
                                                       "service_name"};

struct ServiceName {
    std::string_view suffix;
    std::string_view default_text;
};

constexpr std::array kTransportNames = {
    ServiceName{"_recipient_limit", "$default_recipient_limit"},
    ServiceName{"_extra_recipient_limit", "$default_extra_recipient_limit"},
    ServiceName{"_recipient_refill_limit", "$default_recipient_refill_limit"},
    ServiceName{"_recipient_refill_delay", "$default_recipient_refill_delay"},
    ServiceName{"_delivery_slot_cost", "$default_delivery_slot_cost"},
    ServiceName{"_delivery_slot_loan", "$default_delivery_slot_loan"},
    ServiceName{"_delivery_slot_discount", "$default_delivery_slot_discount"},
    ServiceName{"_minimum_delivery_slots", "$default_minimum_delivery_slots"},
    ServiceName{"_initial_destination_concurrency", "$initial_destination_concurrency"},
    ServiceName{"_destination_concurrency_limit", "$default_destination_concurrency_limit"},
    ServiceName{"_destination_recipient_limit", "$default_destination_recipient_limit"},
    ServiceName{"_destination_concurrency_positive_feedback",
                "$default_destination_concurrency_positive_feedback"},
    ServiceName{"_destination_concurrency_negative_feedback",
                "$default_destination_concurrency_negative_feedback"},
    ServiceName{"_destination_concurrency_failed_cohort_limit",
                "$default_destination_concurrency_failed_cohort_limit"},
    ServiceName{"_destination_rate_delay", "$default_destination_rate_delay"},
    ServiceName{"_transport_rate_delay", "$default_transport_rate_delay"},
};
constexpr ServiceName kTimeLimit{"_time_limit", "$command_time_limit"};

constexpr std::array<std::string_view, 6> kTransportCommands = {"error", "lmtp", "local",
                                                                "pipe",  "smtp", "virtual"};

// What stands in a raw value is expanded by nobody but the one who uses it.
bool is_raw(std::string_view name) {
    auto index = find_parameter(name);
    return index && parameter_at(*index).type == ParameterType::kRaw;
}

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

template <class Range>
bool contains(const Range& range, std::string_view value) {
    return std::ranges::find(range, value) != std::ranges::end(range);
}

std::string must_expand(std::string_view place, std::string_view text, const ExpandOptions& how) {
    auto expansion = expand(text, how);
    if (!expansion) {
        log_warning("{}", expansion.error().message);
        log_fatal("{}macro processing error", place);
    }
    return std::move(expansion->text);
}

// Braces mean nothing in a list of classes.
std::vector<std::string> class_names(std::string text) {
    std::ranges::replace(text, ',', ' ');
    auto words = split_words(text);
    return {words.begin(), words.end()};
}

// -o settings: Postfix names the override itself in the message.
void apply_override(Config& config, const std::string& text, const std::string& path) {
    auto pair = split_name_value(text);
    if (!pair) {
        const auto& message = pair.error().message;
        log_fatal("invalid parameter override: {}: {}", text,
                  message.substr(0, message.find(": \"")));
    }
    config.set(pair->name, std::string(pair->value), path, 1);
}

}  // namespace

Model::Model(const Options& options) : options_(options), defaults_(Config::from_text("")) {
    ConfigOptions wanted;
    wanted.directory = options.directory;
    wanted.process_name = "postconf";
    directory_ = config_directory_from(wanted);
    names_directory_ = std::getenv("MAIL_CONFIG") != nullptr;
    bool needs_main = !options.defaults || options.subject != Subject::kMain;
    if (!needs_main) {
        return;
    }
    auto loaded = Config::load(wanted);
    if (!loaded) {
        log_fatal("{}", loaded.error().message);
    }
    config_ = std::move(*loaded);
    for (const auto& setting : options.settings) {
        apply_override(config_, setting, main_cf());
    }
    for (const auto& file : config_.files()) {
        auto text = read_file(file);
        for (const auto& line : read_logical_lines(text.value_or(""))) {
            auto pair = split_name_value(line.text);
            names_directory_ |= pair && pair->name == "config_directory";
            if (pair && contains(kReadOnly, pair->name)) {
                read_only_.insert(format("{}: read-only parameter assignment: {}={}", file,
                                         pair->name, pair->value));
            }
        }
    }
}

void Model::read_services() {
    read_services_of(master_cf());
    auto more = drop_in_files(directory_ + "/master.cf.d");
    if (!more) {
        log_fatal("{}", more.error().message);
    }
    for (const auto& path : *more) {
        read_services_of(path);
    }
    for (auto& service : services_) {
        read_settings(service);
    }
}

void Model::read_services_of(const std::string& path) {
    auto text = read_file(path);
    if (!text) {
        if (options_.subject == Subject::kMain) {
            log_warning("{}", text.error().message);
            return;
        }
        log_fatal("{}", text.error().message);
    }
    for (const auto& line : read_logical_lines(*text)) {
        if (is_blank(line.text.front())) {
            log_warning("{}: logical line must not start with whitespace: \"{}\"", path,
                        excerpt(line.text));
            continue;
        }
        if (!split_master_line(line)) {
            log_fatal("file {}: line {}: bad field count", path, line.first_line);
        }
        add_service(parse_service(line), path);
    }
}

// A service of master.cf.d takes the place of the one before it.
void Model::add_service(Service service, const std::string& path) {
    service.line.file = path;
    auto same = std::ranges::find_if(services_, [&](const Service& had) {
        return had.id() == service.id() && had.line.file != path;
    });
    if (same != services_.end()) {
        *same = std::move(service);
    } else {
        services_.push_back(std::move(service));
    }
}

void Model::read_settings(Service& service) {
    for (const auto& setting : parameter_settings(service.line.arguments)) {
        auto pair = split_name_value(setting);
        if (!pair) {
            log_warning("{}: {}", base_name(service.line.file), pair.error().message);
        } else if (contains(kReadOnly, pair->name)) {
            read_only_.insert(format("{}: read-only parameter assignment: {}={}", service.line.file,
                                     pair->name, pair->value));
        } else {
            service.settings.insert_or_assign(std::string(pair->name), std::string(pair->value));
        }
    }
}

void Model::add_service_names() {
    for (const auto& service : services_) {
        const auto& command = service.line.field(MasterField::kCommand);
        const auto& name = service.line.field(MasterField::kName);
        auto add = [&](const ServiceName& each) {
            auto full = name + std::string(each.suffix);
            auto index = find_parameter(full);
            service_names_.emplace(full,
                                   index ? parameter_at(*index).default_text : each.default_text);
        };
        if (contains(kTransportCommands, command)) {
            std::ranges::for_each(kTransportNames, add);
        }
        if (command == "pipe" || command == "spawn") {
            add(kTimeLimit);
        }
    }
}

void Model::collect_names() {
    add_service_names();
    if (options_.defaults && options_.subject == Subject::kMain) {
        return;
    }
    for (std::size_t i = 0; i < parameter_count(); ++i) {
        if (parameter_at(i).type != ParameterType::kRaw) {
            use_names_in(parameter_at(i).default_text, nullptr, false);
        }
    }
    check_host_names();
    for (const auto& name : config_.names()) {
        const auto* set = config_.setting(name);
        if (!set->file.empty() && !is_raw(name)) {
            origin_ = set->file;
            use_names_in(set->value, nullptr, true);
        }
    }
    origin_ = main_cf();
    for (auto& service : services_) {
        for (const auto& [name, value] : service.settings) {
            if (!is_raw(name)) {
                use_names_in(value, &service, true);
            }
        }
    }
    use_classes();
    use_tables_of_known();
}

// What the defaults are made of.
void Model::check_host_names() const {
    const char* host = setting("myhostname") ? "myhostname" : "mydomain";
    for (const char* name : {host, "inet_interfaces"}) {
        if (auto value = setting(name)) {
            static_cast<void>(expand_in("dictionary mail_dict: ", *value, nullptr));
        }
    }
}

// Only what Postfix knows, or makes for a service, names tables that something opens.
bool Model::may_name_tables(std::string_view name) const {
    auto classes = classes_of(name);
    return (classes.builtin || classes.service) && !is_raw(name);
}

void Model::use_tables_of_known() {
    for (const auto& name : config_.names()) {
        const auto* set = config_.setting(name);
        if (!set->file.empty() && may_name_tables(name)) {
            use_tables(set->value, nullptr, set->file);
        }
    }
    for (auto& service : services_) {
        for (const auto& [name, value] : service.settings) {
            if (may_name_tables(name)) {
                use_tables(value, &service, service.line.file);
            }
        }
    }
}

// Postfix takes a service's own list in the light of the service's own settings alone.
std::string Model::own_expansion(std::string_view text, const Service& service) {
    ExpandOptions how;
    how.recurse = true;
    how.lookup = [&service](std::string_view name) -> std::optional<std::string> {
        auto own = service.settings.find(std::string(name));
        return own != service.settings.end() ? std::optional(own->second) : std::nullopt;
    };
    return must_expand(format("dictionary {}: ", service.id()), text, how);
}

// What smtpd_restriction_classes lists is a parameter too.
void Model::use_classes() {
    constexpr std::string_view kName = "smtpd_restriction_classes";
    if (auto list = setting(kName)) {
        for (const auto& name : class_names(expand_in("dictionary mail_dict: ", *list, nullptr))) {
            use_name(name, nullptr, true);
        }
    }
    for (auto& service : services_) {
        auto found = service.settings.find(std::string(kName));
        if (found != service.settings.end()) {
            auto list = own_expansion(found->second, service);
            for (const auto& name : class_names(list)) {
                use_name(name, &service, true);
            }
        }
    }
}

void Model::use_names_in(std::string_view text, Service* service, bool warn) {
    if (!text.contains('$')) {
        return;
    }
    auto done = for_each_name(text, [&](std::string_view name) { use_name(name, service, warn); });
    if (!done && warn) {
        log_warning("{}", done.error().message);
    }
}

// A reference makes what it refers to a parameter: of the service where the service sets it, else
// of everybody where main.cf sets it. One in main.cf may also mean what services set.
void Model::use_name(std::string_view name, Service* service, bool warn) {
    if (service != nullptr && use_setting(name, *service)) {
        return;
    }
    bool known = is_known(name);
    if (!known && config_.is_set(name)) {
        known = user_names_.emplace(name).second;
    }
    if (service == nullptr) {
        for (auto& each : services_) {
            known |= use_setting(name, each);
        }
    }
    if (!known && warn) {
        undefined_.insert(format("{}: undefined parameter: {}",
                                 service != nullptr ? service->line.file : origin_, name));
    }
}

bool Model::use_setting(std::string_view name, Service& service) {
    auto own = service.settings.find(std::string(name));
    if (own == service.settings.end()) {
        return false;
    }
    service.used.insert(own->first);
    return true;
}

// "ldap:NAME" and its like, from before tables had files of their own: NAME_server_host and so on
// are parameters.
void Model::use_tables(std::string_view text, Service* service, const std::string& file) {
    for (const auto& comment : comments_in(text)) {
        log_warning("{}: #comment after other text is not allowed: {} ...", file, comment);
    }
    std::string place(base_name(file));
    if (service != nullptr) {
        place += ":" + service->id();
    }
    auto expansion = expand(text, how_to_expand(service));
    if (!expansion) {
        log_warning("{}", expansion.error().message);
        return;
    }
    for (const auto& table : tables_in(expansion->text, place)) {
        if (table.name.starts_with('/')) {
            warn_unused_in_table_file(table);
            continue;
        }
        for (auto attribute : table_attributes(table.type)) {
            use_name(table.name + "_" + std::string(attribute), service, false);
        }
    }
}

Classes Model::classes_of(std::string_view name) const {
    bool service = service_names_.contains(name);
    return {!service && find_parameter(name), service, user_names_.contains(name)};
}

std::vector<std::string> Model::names() const {
    std::vector<std::string> all(user_names_.begin(), user_names_.end());
    for (std::size_t i = 0; i < parameter_count(); ++i) {
        all.emplace_back(parameter_at(i).name);
    }
    for (const auto& [name, unused] : service_names_) {
        if (!find_parameter(name)) {
            all.push_back(name);
        }
    }
    std::ranges::sort(all);
    return all;
}

std::optional<std::string> Model::setting(std::string_view name) const {
    const auto* set = config_.setting(name);
    bool is_fact = contains(kReadOnly, name) || (name == "config_directory" && !names_directory_);
    if (set == nullptr || is_fact) {
        return {};
    }
    return set->value;
}

std::optional<std::string> Model::default_text(std::string_view name) const {
    if (name == "process_name") {
        return "postconf";
    }
    if (auto found = service_names_.find(name); found != service_names_.end()) {
        return found->second;
    }
    auto index = find_parameter(name);
    if (!index) {
        return {};
    }
    auto info = parameter_at(*index);
    if (!info.is_computed()) {
        return std::string(info.default_text);
    }
    return (options_.defaults ? defaults_ : config_).raw(name);
}

std::optional<std::string> Model::value(const std::string& name) const {
    std::optional<std::string> text;
    if (!options_.defaults) {
        text = setting(name);
    }
    if (!text && !options_.set_only) {
        text = default_text(name);
    }
    if (text && options_.expand && !is_raw(name)) {
        text = expanded(*text, nullptr);
    }
    return text;
}

std::optional<std::string> Model::lookup(std::string_view name, const Service* service) const {
    if (service != nullptr) {
        auto local = service->settings.find(std::string(name));
        if (local != service->settings.end()) {
            return local->second;
        }
        if (name == "service_name") {
            return service->line.field(MasterField::kName);
        }
        if (name == "process_name") {
            return service->line.field(MasterField::kCommand);
        }
    }
    auto set = options_.defaults ? std::nullopt : setting(name);
    return set ? set : default_text(name);
}

std::string Model::expanded(std::string_view text, const Service* service) const {
    return expand_in("", text, service);
}

// Whatever is shown, a value that cannot be expanded ends the program: Postfix expands them all.
void Model::check_values() const {
    for (const auto& name : config_.names()) {
        bool own = classes_of(name).builtin || classes_of(name).service;
        if (own && !is_raw(name) && setting(name)) {
            static_cast<void>(expanded(*setting(name), nullptr));
        }
    }
    for (const auto& service : services_) {
        for (const auto& [name, value] : service.settings) {
            bool own = classes_of(name).builtin || classes_of(name).service;
            if (own && !is_raw(name)) {
                static_cast<void>(expanded(value, &service));
            }
        }
    }
}

ExpandOptions Model::how_to_expand(const Service* service) const {
    ExpandOptions how;
    how.recurse = true;
    how.lookup = [this, service](std::string_view name) { return lookup(name, service); };
    return how;
}

std::string Model::expand_in(std::string_view place, std::string_view text,
                             const Service* service) const {
    return must_expand(place, text, how_to_expand(service));
}

void Model::warn_undefined() const {
    if (options_.defaults) {
        return;
    }
    for (const auto* lines : {&read_only_, &undefined_}) {
        for (const auto& line : *lines) {
            log_warning("{}", line);
        }
    }
}

// One setting that nothing uses, or that something else should be used for.
void Model::warn_if_unfit(const std::string& file, std::string_view name, std::string_view value,
                          Use use) {
    if (auto advice = deprecation_advice(name)) {
        log_warning("{}: {}", file, *advice);
        gave_advice_ = true;
    } else if (use == Use::kUnused) {
        log_warning("{}: unused parameter: {}={}", file, name, value);
    }
}

void Model::warn_unfit_main() {
    if (options_.quiet) {
        return;
    }
    for (const auto& name : config_.names()) {
        const auto* set = config_.setting(name);
        if (!set->file.empty() && set->line > 0) {
            warn_if_unfit(set->file, name, set->value, is_known(name) ? Use::kUsed : Use::kUnused);
        }
    }
}

void Model::warn_unfit_services() {
    if (options_.quiet) {
        return;
    }
    for (const auto& service : services_) {
        for (const auto& [name, value] : service.settings) {
            bool known = is_known(name) || service.used.contains(name);
            warn_if_unfit(service.line.file, name, value, known ? Use::kUsed : Use::kUnused);
        }
    }
    if (gave_advice_) {
        log_warning("{}", kDeprecationGuide);
    }
}

}  // namespace relais::postconf
