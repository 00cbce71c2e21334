// The databases of passwords and users in Dovecot's configuration: sections passdb and userdb.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/config/dovecot_conf.h"

#include "tools/relais/dovecot_sql.h"

namespace relais {

class DovecotDatabases {
  public:
    // A parameter of ours.
    using Set = std::function<void(std::string name, std::string value, const DovecotSetting&)>;
    using Leave = std::function<void(const DovecotSetting& setting, std::string why,
                                     std::string_view within)>;

    // `sql` must outlive it.
    DovecotDatabases(Set set, Leave leave, DovecotSql& sql)
        : set_(std::move(set)), leave_(std::move(leave)), sql_(sql) {}

    void take(const DovecotSection& section);

    // What other settings say that depends on users' names.
    struct Elsewhere {
        std::string mail_places;      // where mail and homes are
        std::string username_format;  // empty: the usual one
    };

    // What all of them make together.
    void finish(const Elsewhere& elsewhere);

  private:
    using List = std::vector<std::pair<std::string, DovecotSetting>>;

    std::optional<std::string> database_of_23(const DovecotSection& section,
                                              const std::string& driver,
                                              const DovecotSetting& here);
    std::optional<std::string> database_of_24(const DovecotSection& section,
                                              const std::string& driver,
                                              const DovecotSetting& here);
    std::optional<std::string> passwd_file(const std::string& arguments,
                                           const DovecotSection& section,
                                           const DovecotSetting& here);
    void set_list(const std::string& name, const List& list);
    void set_username_format(const Elsewhere& elsewhere);
    bool need_domain(const Elsewhere& elsewhere) const;

    Set set_;
    Leave leave_;
    DovecotSql& sql_;
    List passwords_;
    List users_;
    std::size_t takes_names_ = 0;  // databases that say whom to let in, or who he is, by his name
    List formats_;                 // their own forms of it
};

}  // namespace relais
