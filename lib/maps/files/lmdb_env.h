// An open LMDB file with the locks that Postfix's programs use.  LMDB's own lock file is not used:
// readers and writers exclude each other with fcntl(2) locks on the table itself.
// Private to the lmdb: tables.
#pragma once

#include <memory>
#include <string>

#include <lmdb.h>

#include "lib/base/result.h"

namespace relais {

struct CloseEnv {
    void operator()(MDB_env* env) const { mdb_env_close(env); }
};

struct AbortTransaction {
    void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
};

struct CloseMdbCursor {
    void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};

using EnvPtr = std::unique_ptr<MDB_env, CloseEnv>;
using TransactionPtr = std::unique_ptr<MDB_txn, AbortTransaction>;
using MdbCursorPtr = std::unique_ptr<MDB_cursor, CloseMdbCursor>;

constexpr std::size_t kLongestLmdbKey = 511;  // fixed when Debian's library was built

class LmdbEnv {
  public:
    enum class Access { kRead, kWrite };

    // Makes a missing file when it is opened for writing.  `room` is how far the file may grow.
    static Result<LmdbEnv> open(const std::string& path, Access access, std::size_t room);

    int fd() const;

    // True once another file stands in its place.
    bool was_replaced() const;

    // F_RDLCK, F_WRLCK or F_UNLCK; 0 or the error number.
    int lock(int type) const;

    // The transaction that all readers of this process share, showing the newest state.
    int begin_read();
    void end_read();

    MDB_txn* reader() const { return reader_.get(); }

    int begin_write(TransactionPtr& transaction);
    // Takes twice the room; no transaction may be open.
    int grow();

    MDB_dbi database() const { return database_; }

    // "WHAT PATH: the library's text".
    static std::unexpected<Error> fail(std::string_view what, const std::string& name, int status);

  private:
    int find_database(unsigned flags);

    EnvPtr env_;
    TransactionPtr reader_;
    MDB_dbi database_ = 0;
    std::size_t room_ = 0;
};

inline MDB_val mdb_val_of(std::string_view bytes) {
    return {bytes.size(), const_cast<char*>(bytes.data())};  // the library does not write to it
}

inline std::string_view view_of(const MDB_val& value) {
    return {static_cast<const char*>(value.mv_data), value.mv_size};
}

}  // namespace relais
