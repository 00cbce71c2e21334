// What postconf knows: main.cf and master.cf as they are set, every name that is a parameter, and
// why (built in, made by a service, or used in the value of another one).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/config/master_cf.h"

#include "tools/postconf/options.h"

namespace relais::postconf {

// One service line of master.cf with its -o settings.
struct Service {
    MasterLine line;
    std::map<std::string, std::string> settings;  // name -> value, the last one counts
    std::set<std::string> used;                   // names that a value of this service refers to

    std::string id() const {
        return line.field(MasterField::kName) + "/" + line.field(MasterField::kType);
    }
};

// A line of master.cf as postconf reads it: less strict than master about arguments, with its own
// words about fields.  `text` is what error messages quote.
[[nodiscard]] Service parse_service(const LogicalLine& line);
// Ends the program when the field's value is none.
void check_field(MasterField field, std::string_view value, std::string_view text);

class Model {
  public:
    // Reads main.cf; master.cf comes with read_services().
    explicit Model(const Options& options);

    void read_services();
    // Finds the names that services and references make parameters.
    void collect_names();

    [[nodiscard]] Classes classes_of(std::string_view name) const;

    [[nodiscard]] bool is_known(std::string_view name) const {
        auto classes = classes_of(name);
        return classes.builtin || classes.service || classes.user;
    }

    // All parameter names, sorted.
    [[nodiscard]] std::vector<std::string> names() const;

    // The text to show for a parameter; nothing where the options leave it out (-n).
    [[nodiscard]] std::optional<std::string> value(const std::string& name) const;
    // `text` with its names replaced, for -x; `service` gives its own settings first.
    [[nodiscard]] std::string expanded(std::string_view text, const Service* service) const;

    // Ends the program where a value that is set cannot be expanded.
    void check_values() const;

    // Warnings about names that nothing defines, nothing may set, nothing uses, or that are to go;
    // main.cf comes before the services.
    void warn_undefined() const;
    void warn_unfit_main();
    void warn_unfit_services();

    [[nodiscard]] const std::vector<Service>& services() const { return services_; }

    [[nodiscard]] const std::string& directory() const { return directory_; }

    [[nodiscard]] std::string main_cf() const { return directory_ + "/main.cf"; }

    [[nodiscard]] std::string master_cf() const { return directory_ + "/master.cf"; }

  private:
    enum class Use { kUsed, kUnused };

    void read_services_of(const std::string& path);
    void add_service(Service service, const std::string& path);
    void read_settings(Service& service);
    void add_service_names();
    void use_names_in(std::string_view text, Service* service, bool warn);
    void use_name(std::string_view name, Service* service, bool warn);
    static bool use_setting(std::string_view name, Service& service);
    void check_host_names() const;
    void use_classes();
    [[nodiscard]] bool may_name_tables(std::string_view name) const;
    void use_tables_of_known();
    void use_tables(std::string_view text, Service* service, const std::string& file);
    void warn_if_unfit(const std::string& file, std::string_view name, std::string_view value,
                       Use use);
    [[nodiscard]] ExpandOptions how_to_expand(const Service* service) const;
    [[nodiscard]] static std::string own_expansion(std::string_view text, const Service& service);
    [[nodiscard]] std::string expand_in(std::string_view place, std::string_view text,
                                        const Service* service) const;
    [[nodiscard]] std::optional<std::string> setting(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> default_text(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> lookup(std::string_view name,
                                                    const Service* service) const;

    const Options& options_;
    std::string directory_;
    Config config_;    // main.cf and -o
    Config defaults_;  // neither
    std::vector<Service> services_;
    std::map<std::string, std::string, std::less<>> service_names_;  // name -> default
    std::set<std::string, std::less<>> user_names_;
    std::string origin_;               // the file whose values are looked at
    std::set<std::string> undefined_;  // "main.cf" or "master.cf", and the name
    std::set<std::string> read_only_;
    bool names_directory_ = false;  // -c, MAIL_CONFIG or main.cf does: else -n does not tell of it
    bool gave_advice_ = false;
};

}  // namespace relais::postconf
