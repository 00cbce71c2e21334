#include "lib/maps/files/lmdb_env.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/format.h"

namespace relais {

std::unexpected<Error> LmdbEnv::fail(std::string_view what, const std::string& name, int status) {
    return std::unexpected(Error{Errc::kSystem,
                                 format("{} {}: {}", what, name, ::mdb_strerror(status)),
                                 status > 0 ? status : 0});
}

Result<LmdbEnv> LmdbEnv::open(const std::string& path, Access access, std::size_t room) {
    LmdbEnv out;
    out.room_ = room;
    MDB_env* made = nullptr;
    int status = ::mdb_env_create(&made);
    if (status == 0) {
        out.env_.reset(made);
        if (access == Access::kWrite) {
            struct stat it = {};
            if (::stat(path.c_str(), &it) == 0 && static_cast<std::size_t>(it.st_size) >= room) {
                out.room_ = static_cast<std::size_t>(it.st_size) * 2;
            }
            status = ::mdb_env_set_mapsize(made, out.room_);
        }
    }
    unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | (access == Access::kRead ? MDB_RDONLY : 0U);
    if (status == 0) {
        status = ::mdb_env_open(made, path.c_str(), flags, 0644);
    }
    if (status == 0) {
        // The transaction that finds the database must see whole pages.
        status = out.lock(access == Access::kRead ? F_RDLCK : F_WRLCK);
        if (status == 0) {
            status = out.find_database(access == Access::kRead ? MDB_RDONLY : 0U);
        }
        out.lock(F_UNLCK);
    }
    if (status != 0) {
        return fail("open database", path, status);
    }
    return out;
}

int LmdbEnv::find_database(unsigned flags) {
    MDB_txn* made = nullptr;
    int status = ::mdb_txn_begin(env_.get(), nullptr, flags, &made);
    TransactionPtr transaction(made);
    if (status == 0) {
        status = ::mdb_dbi_open(made, nullptr, 0, &database_);
    }
    if (status == 0) {
        status = ::mdb_txn_commit(transaction.release());
    }
    return status;
}

int LmdbEnv::fd() const {
    int fd = -1;
    ::mdb_env_get_fd(env_.get(), &fd);
    return fd;
}

bool LmdbEnv::was_replaced() const {
    struct stat now = {};
    return ::fstat(fd(), &now) == 0 && now.st_nlink == 0;
}

int LmdbEnv::lock(int type) const {
    struct flock request = {};
    request.l_type = static_cast<short>(type);
    request.l_whence = SEEK_SET;
    while (::fcntl(fd(), F_SETLKW, &request) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

int LmdbEnv::begin_read() {
    int status = 0;
    for (int i = 0; i < 2; ++i) {
        if (reader_) {
            status = ::mdb_txn_renew(reader_.get());
        } else {
            MDB_txn* made = nullptr;
            status = ::mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &made);
            reader_.reset(made);
        }
        if (status != MDB_MAP_RESIZED) {
            return status;
        }
        // Another process made the file larger than the map.
        reader_.reset();
        status = ::mdb_env_set_mapsize(env_.get(), 0);
    }
    return status;
}

void LmdbEnv::end_read() {
    if (reader_) {
        ::mdb_txn_reset(reader_.get());
    }
}

int LmdbEnv::begin_write(TransactionPtr& transaction) {
    MDB_txn* made = nullptr;
    int status = ::mdb_txn_begin(env_.get(), nullptr, 0, &made);
    if (status == MDB_MAP_RESIZED) {
        reader_.reset();
        status = ::mdb_env_set_mapsize(env_.get(), 0);
        if (status == 0) {
            status = ::mdb_txn_begin(env_.get(), nullptr, 0, &made);
        }
    }
    transaction.reset(made);
    return status;
}

int LmdbEnv::grow() {
    reader_.reset();
    MDB_envinfo info = {};
    ::mdb_env_info(env_.get(), &info);
    room_ = std::max(room_, info.me_mapsize) * 2;
    return ::mdb_env_set_mapsize(env_.get(), room_);
}

}  // namespace relais
