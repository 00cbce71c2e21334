// The configuration of the process: main.cf, -o settings over it, defaults under it.
//
//   conf().queue_run_delay()    one accessor for each parameter of conf/parameters.tsv, named like
//   it
//
// Values are parsed when they are first read and kept.  A value that can't be used ends the process
// with Postfix's message (log_fatal); check() finds the same errors without ending anything.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strings.h"
#include "lib/config/interfaces.h"
#include "lib/config/parameters.h"

namespace relais {

inline constexpr std::string_view kDefaultConfigDirectory = "/etc/postfix";

struct ConfigOptions {
    std::string directory;              // -c; empty: MAIL_CONFIG, else /etc/postfix
    std::string process_name;           // for $process_name
    std::string service_name;           // for $service_name (-n)
    std::vector<std::string> settings;  // "name=value" of -o, in order
};

class Config {
  public:
    // Where a value was set; line 0: by -o or by the program.
    struct Setting {
        std::string value;
        std::string file;
        int line = 0;
    };

    Config();
    Config(Config&&) noexcept = default;
    Config& operator=(Config&&) noexcept = default;
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;
    ~Config() = default;

    // Reads main.cf and then main.cf.d/*.cf of the directory that `options` or MAIL_CONFIG name.
    [[nodiscard]] static Result<Config> load(const ConfigOptions& options);
    // For tests and tools; a malformed text is a panic.
    [[nodiscard]] static Config from_text(std::string_view text);

    // One accessor for each parameter:
    // string and raw: const std::string&   time: std::chrono::seconds   int, long, bool
#include "generated/parameters.h"

    // The same by name, for names put together at run time ("lmtp" + "_tls_CAfile").  A name that
    // is not in the table is a bug.
    const std::string& text_value(std::string_view name) const;
    int int_value(std::string_view name) const;
    long long_value(std::string_view name) const;
    bool bool_value(std::string_view name) const;
    std::chrono::seconds time_value(std::string_view name) const;

    // Parameters that exist once for each transport or service: `suffix` is like
    // "_destination_concurrency_limit" or "_time_limit".  Where NAME+suffix is not set, the value
    // is that of the parameter that the suffix falls back to
    // ("default_destination_concurrency_limit").
    int transport_int(std::string_view transport, std::string_view suffix) const;
    std::chrono::seconds transport_time(std::string_view transport, std::string_view suffix) const;
    std::string transport_text(std::string_view transport, std::string_view suffix) const;

    // Any name at all, expanded: user-defined names and restriction classes too.
    [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
    // As it was set, unexpanded; null when it was not.
    [[nodiscard]] const Setting* setting(std::string_view name) const;
    // As it was set, or its default, unexpanded.
    [[nodiscard]] std::optional<std::string> raw(std::string_view name) const;

    [[nodiscard]] bool is_set(std::string_view name) const { return setting(name) != nullptr; }

    // `text` with the names in it replaced by their values here.
    [[nodiscard]] Result<std::string> expand_text(std::string_view text) const;
    // The same, where an error ends the process.
    std::string expand_or_die(std::string_view text) const;

    // "name=value" or "{ name = value }" over what main.cf says (-o).
    [[nodiscard]] Result<void> set_option(std::string_view setting);
    void set(std::string_view name, std::string value, std::string file = {}, int line = 0);

    // All names that are set, sorted.
    [[nodiscard]] std::vector<std::string> names() const;

    // The main.cf and main.cf.d files that were read.
    [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

    // Every value that its reader would refuse, with file and line: what reload looks at first.
    [[nodiscard]] std::vector<std::string> check() const;

    // Whether `value` for that parameter says the same as its default does here.
    [[nodiscard]] bool is_default(std::size_t parameter, std::string_view value) const;

    // compatibility_level against "3.6": true when it is lower.
    [[nodiscard]] bool level_below(std::string_view level) const;

    // The addresses that inet_interfaces and inet_protocols select, read once.
    const std::vector<InterfaceAddress>& own_addresses() const;

  private:
    struct Value {
        bool ready = false;
        long number = 0;
        std::string text;
    };

    [[nodiscard]] Result<void> read_file_into(const std::string& path);
    [[nodiscard]] Result<void> read_directory();
    [[nodiscard]] Result<void> add_text(std::string_view text, const std::string& path);

    const Value& value_at(std::size_t index) const {
        const Value& value = values_.at(index);
        return value.ready ? value : evaluated_at(index);
    }

    const Value& evaluated_at(std::size_t index) const;  // the first time

    const std::string& text_at(std::size_t index) const { return value_at(index).text; }

    int int_at(std::size_t index) const { return static_cast<int>(value_at(index).number); }

    long long_at(std::size_t index) const { return value_at(index).number; }

    bool bool_at(std::size_t index) const { return value_at(index).number != 0; }

    std::chrono::seconds time_at(std::size_t index) const {
        return std::chrono::seconds(value_at(index).number);
    }

    std::size_t index_of(std::string_view name) const;

    [[nodiscard]] Result<Value> evaluate(std::size_t index) const;
    [[nodiscard]] Result<std::string> default_of(const ParameterInfo& info) const;
    [[nodiscard]] std::optional<std::string> lookup(std::string_view name) const;
    [[nodiscard]] Result<std::string> value_of(std::string_view name) const;
    [[nodiscard]] Result<std::string> computed(std::string_view name) const;
    [[nodiscard]] Result<std::vector<InterfaceAddress>> find_own_addresses() const;
    [[nodiscard]] Result<Value> transport_value(std::string_view transport,
                                                std::string_view suffix) const;

    std::unordered_map<std::string, Setting, StringHash, std::equal_to<>> settings_;
    std::vector<std::string> files_;
    mutable std::vector<Value> values_;
    mutable bool any_value_ = false;                        // something is in values_
    mutable std::vector<std::string_view> being_computed_;  // names of defaults
    mutable std::unique_ptr<std::vector<InterfaceAddress>> own_addresses_;
};

// The configuration of this process.  set_conf() comes first, once, early.
[[nodiscard]] const Config& conf();
void set_conf(Config config);

// Directory and file names.
[[nodiscard]] std::string config_directory_from(const ConfigOptions& options);

}  // namespace relais
