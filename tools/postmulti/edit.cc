#include "tools/postmulti/edit.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/log_setup.h"

#include "tools/postmulti/directories.h"
#include "tools/postmulti/run.h"

namespace relais::postmulti {

namespace {

// main.cf of an instance says where the programs and the accounts are, as far as the primary one
// says it.
constexpr std::array<std::string_view, 13> kShared = {
    "command_directory", "daemon_directory", "meta_directory",  "shlib_directory", "mail_owner",
    "setgid_group",      "sendmail_path",    "mailq_path",      "newaliases_path", "html_directory",
    "manpage_directory", "sample_directory", "readme_directory"};

// Lines of the part that changes files carry the name that they have with Postfix.
void begin_changes() {
    open_log("postmulti-script", LogStderr::kYes);
    LogOptions options = log_options();
    options.stderr_name = options.tag;
    log_open(std::move(options));
}

void require_init() {
    if (conf().multi_instance_wrapper().empty()) {
        log_fatal("multi_instance_wrapper is empty, run 'postmulti -e init' first.");
    }
    if (!conf().multi_instance_enable()) {
        log_fatal("multi_instance_enable!=yes, run 'postmulti -e init' first.");
    }
}

// postconf with these arguments on the main.cf of a directory.
void postconf(const std::string& directory, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {conf().command_directory() + "/postconf", "-c", directory};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    if (run_program(argv) != 0) {
        log_fatal("{}/main.cf cannot be edited", directory);
    }
}

void set_parameters(const std::string& directory, std::vector<std::string> settings) {
    if (!settings.empty()) {
        settings.insert(settings.begin(), "-e");
        postconf(directory, settings);
    }
}

// A list parameter of the primary instance with a directory added or taken out.
enum class Change { kAdd, kRemove };

std::string changed_list(const std::string& list, const std::string& directory, Change change) {
    std::vector<std::string> words;
    for (std::string_view word : split_words(list, ", \t\r\n")) {
        if (word != directory) {
            words.emplace_back(word);
        }
    }
    if (change == Change::kAdd) {
        words.push_back(directory);
    }
    return join(words, " ");
}

// Which directories are instances, and which others may be used with -c.
void edit_lists(const std::string& directory, Change instances, Change alternates) {
    std::vector<std::string> settings = {
        "multi_instance_directories = " +
        changed_list(conf().multi_instance_directories(), directory, instances)};
    const std::string& others = conf().alternate_config_directories();
    auto words = split_words(others, ", \t\r\n");
    bool listed = std::ranges::find(words, directory) != words.end();
    if (listed != (alternates == Change::kAdd)) {
        settings.push_back("alternate_config_directories = " +
                           changed_list(others, directory, alternates));
    }
    set_parameters(conf().config_directory(), std::move(settings));
}

std::vector<std::string> name_settings(const Options& options) {
    std::vector<std::string> settings;
    if (options.new_group) {
        settings.push_back("multi_instance_group = " + *options.new_group);
    }
    if (options.new_name) {
        settings.push_back("multi_instance_name = " + *options.new_name);
    }
    return settings;
}

std::string parent_of(const std::string& path) {
    auto slash = path.find_last_of('/');
    return slash == std::string::npos || slash == 0 ? "" : path.substr(0, slash);
}

// "parameter=value" words, over the directories that follow from the instance's name.
class Places {
  public:
    Places(const Options& options, const Instance& primary) {
        config = beside(primary.config_directory, options);
        queue = beside(primary.queue_directory, options);
        data = beside(primary.data_directory, options);
        for (const auto& word : options.words) {
            take(word, options.action);
        }
        if (config.empty()) {
            log_fatal("Missing {} parameter value", "config_directory");
        }
    }

    std::string config;
    std::string queue;
    std::string data;

  private:
    static std::string beside(const std::string& path, const Options& options) {
        bool named = options.new_name && !options.new_name->empty();
        return named ? parent_of(path) + "/" + *options.new_name : "";
    }

    void take(const std::string& word, Action action) {
        auto setting = split_first(word, '=');
        if (!setting) {
            log_fatal("Malformed parameter setting '{}'", word);
        }
        auto name = trim(setting->first);
        auto value = trim(setting->second);
        bool creates = action == Action::kCreate;
        std::string* place = name == "config_directory"             ? &config
                             : creates && name == "queue_directory" ? &queue
                             : creates && name == "data_directory"  ? &data
                                                                    : nullptr;
        if (place == nullptr) {
            log_fatal("Parameter '{}' not valid with action {}", name,
                      creates ? "create" : "import");
        }
        if (!value.starts_with('/')) {
            log_fatal("Parameter setting '{}' is not an absolute path", name);
        }
        if (value == "/") {
            log_fatal("Parameter setting '{}' is the root directory", name);
        }
        *place = std::string(value);
    }
};

void require_free(const Suite& suite, const std::string& parameter, const std::string& value) {
    if (auto owner = suite.claims.owner(value); !owner.empty()) {
        log_fatal("new {}={} is already in use by {}", parameter, value, owner);
    }
}

int init() {
    begin_changes();
    std::vector<std::string> settings;
    if (conf().multi_instance_wrapper().empty()) {
        settings.emplace_back("multi_instance_wrapper = ${command_directory}/postmulti -p --");
    }
    if (!conf().multi_instance_enable()) {
        settings.emplace_back("multi_instance_enable = yes");
    }
    set_parameters(conf().config_directory(), std::move(settings));
    return 0;
}

// What the new main.cf sets, and what it leaves to the defaults, as its prototype would not.
void fill_in(const std::string& directory, const Places& places, const Options& options) {
    std::vector<std::string> settings = {
        "queue_directory = " + places.queue, "data_directory = " + places.data,
        "authorized_submit_users =", "master_service_disable = inet"};
    std::vector<std::string> left_out = {"-#"};
    for (auto name : kShared) {
        const auto* set = conf().setting(name);
        if (set != nullptr) {
            settings.push_back(format("{} = {}", name, set->value));
        } else {
            left_out.emplace_back(name);
        }
    }
    std::ranges::copy(name_settings(options), std::back_inserter(settings));
    set_parameters(directory, std::move(settings));
    postconf(directory, left_out);
}

int create(const Options& options, Suite suite) {
    Places places(options, suite.instances.front());
    require_free(suite, "config_directory", places.config);
    for (const auto& [name, value] :
         {std::pair{"queue_directory", &places.queue}, std::pair{"data_directory", &places.data}}) {
        if (value->empty()) {
            log_fatal("Missing {} parameter value", name);
        }
    }
    Instance instance;
    instance.config_directory = places.config;
    instance.queue_directory = places.queue;
    instance.data_directory = places.data;
    instance.name = options.new_name.value_or("");
    suite.claims.add_instance(instance);
    begin_changes();
    require_init();
    NewConfiguration files(places.config, conf().meta_directory());
    fill_in(files.draft(), places, options);
    files.put_in_place();
    make_directory(places.queue);
    // Makes the directories below, with their owners.
    std::string postfix = conf().command_directory() + "/postfix";
    if (run_quietly({postfix, "-c", places.config, "check"}) != 0) {
        log_fatal("the new instance in {} is not usable", places.config);
    }
    edit_lists(places.config, Change::kAdd, Change::kRemove);
    return 0;
}

int import(const Options& options, Suite suite) {
    Places places(options, suite.instances.front());
    require_free(suite, "config_directory", places.config);
    Instance instance = read_instance(places.config);
    instance.name = options.new_name.value_or(instance.name);
    suite.claims.add_instance(instance);
    begin_changes();
    require_init();
    set_parameters(places.config, name_settings(options));
    edit_lists(places.config, Change::kAdd, Change::kRemove);
    return 0;
}

const Instance& removable_instance(const Options& options, const Suite& suite) {
    const Instance& instance = named_instance(options, suite);
    if (instance.primary) {
        log_fatal("Cannot remove the primary instance");
    }
    if (instance.enabled) {
        log_fatal("Cannot remove enabled instances");
    }
    begin_changes();
    require_init();
    return instance;
}

int deport(const Options& options, const Suite& suite) {
    const Instance& instance = removable_instance(options, suite);
    edit_lists(instance.config_directory, Change::kRemove, Change::kAdd);
    return 0;
}

int destroy(const Options& options, const Suite& suite) {
    const Instance& instance = removable_instance(options, suite);
    require_stopped(instance);
    edit_lists(instance.config_directory, Change::kRemove, Change::kRemove);
    for (const auto& left : remove_directories(instance)) {
        log_warning("{}: please verify contents and remove by hand", left);
    }
    return 0;
}

int enable(const Options& options, const Suite& suite) {
    const Instance& instance = named_instance(options, suite);
    begin_changes();
    require_init();
    std::string_view value = options.action == Action::kEnable ? "yes" : "no";
    set_parameters(instance.config_directory, {format("multi_instance_enable = {}", value)});
    return 0;
}

int assign(const Options& options, const Suite& suite) {
    const Instance& instance = named_instance(options, suite);
    if (options.new_name && !options.new_name->empty() && *options.new_name != instance.name) {
        require_free(suite, "multi_instance_name", *options.new_name);
    }
    begin_changes();
    require_init();
    set_parameters(instance.config_directory, name_settings(options));
    return 0;
}

}  // namespace

int edit_instances(const Options& options, Suite suite) {
    switch (options.action) {
        case Action::kCreate:
            return create(options, std::move(suite));
        case Action::kImport:
            return import(options, std::move(suite));
        case Action::kInit:
            return init();
        case Action::kDestroy:
            return destroy(options, suite);
        case Action::kDeport:
            return deport(options, suite);
        case Action::kAssign:
            return assign(options, suite);
        case Action::kEnable:
        case Action::kDisable:
            break;
    }
    return enable(options, suite);
}

}  // namespace relais::postmulti
