// Databases of SQL in Dovecot 2.4's configuration, where servers and queries stand in dovecot.conf.
// The auth service has them, as 2.3 does, in files of their own (dovecot-sql.conf.ext), which are
// put together here.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/config/dovecot_conf.h"

namespace relais {

class DovecotSql {
  public:
    using Leave = std::function<void(const DovecotSetting& setting, std::string why,
                                     std::string_view within)>;

    // `directory`: where the files will be.
    DovecotSql(std::string directory, Leave leave)
        : directory_(std::move(directory)), leave_(std::move(leave)) {}

    // What is said at the top of where the databases are: sql_driver, sqlite_path; mysql NAME { },
    // pgsql NAME { }.  False for anything else.
    bool take(const DovecotSetting& setting);
    bool take(const DovecotSection& section);

    // Whether a setting in a passdb or userdb is one of these.
    static bool is_own(std::string_view setting);

    // A passdb or userdb of the type sql, once the settings at the top are known: the path of the
    // file that will have its queries.  Nothing (and left) where that cannot be.
    std::optional<std::string> add(const DovecotSection& section);

    // By path, once all has been taken.
    std::map<std::string, std::string> files() const;

  private:
    using Words = std::vector<std::pair<std::string, std::string>>;

    struct File {
        std::string path;
        std::string driver;
        std::string database;  // sqlite's file
        Words settings;
    };

    struct Server {
        std::string driver;
        std::string host;
        Words words;  // of `connect`, in the order of their names
    };

    File& file_for(const std::string& driver, const std::string& database,
                   std::string_view section_type);
    void add_words(const DovecotSection& section, Words* words);
    std::string connect(const File& file) const;

    std::string directory_;
    Leave leave_;
    std::string driver_;
    std::string database_;
    std::vector<Server> servers_;
    std::vector<File> files_;
};

}  // namespace relais
