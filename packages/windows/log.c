/* A log file of bounded size: see log.h. */
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <strsafe.h>

#include "folders.h"

static wchar_t current[PATH_SIZE], earlier[PATH_SIZE];
static HANDLE file = INVALID_HANDLE_VALUE;
static LONGLONG size;
static BOOL within_line;
static CRITICAL_SECTION lock;

BOOL log_to(const wchar_t *path) {
    InitializeCriticalSection(&lock);
    return SUCCEEDED(StringCchCopyW(current, PATH_SIZE, path)) &&
           SUCCEEDED(StringCchPrintfW(earlier, PATH_SIZE, L"%ls.1", path));
}

static void close(void) {
    if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    file = INVALID_HANDLE_VALUE;
}

/* Open the file at its end; first put a full one aside. */
static BOOL ready(void) {
    if (file != INVALID_HANDLE_VALUE && size >= LOG_LIMIT) {
        close();
        /* Where somebody holds a file open, it begins anew instead: its size stays bounded in any case. */
        if (!MoveFileExW(current, earlier, MOVEFILE_REPLACE_EXISTING)) {
            file = CreateFileW(current, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, TRUNCATE_EXISTING, 0, NULL);
            size = 0;
        }
    }
    if (file != INVALID_HANDLE_VALUE) return TRUE;
    file = CreateFileW(current, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) return FALSE;
    LARGE_INTEGER found;
    size = GetFileSizeEx(file, &found) ? found.QuadPart : LOG_LIMIT;
    return TRUE;
}

static BOOL put(const char *bytes, DWORD count) {
    DWORD done = 0;
    if (!ready()) return FALSE;
    if (!WriteFile(file, bytes, count, &done, NULL) || done != count) {
        close();
        return FALSE;
    }
    size += count;
    return TRUE;
}

static BOOL put_time(void) {
    SYSTEMTIME now;
    char text[40];
    GetSystemTime(&now);
    int length = snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ ", now.wYear, now.wMonth, now.wDay, now.wHour,
                          now.wMinute, now.wSecond);
    return length > 0 && length < (int)sizeof text && put(text, (DWORD)length);
}

BOOL log_write(const char *bytes, DWORD count) {
    BOOL well = TRUE;
    EnterCriticalSection(&lock);
    while (count) {
        const char *end = memchr(bytes, '\n', count);
        DWORD piece = end ? (DWORD)(end - bytes) + 1 : count;
        if (!within_line) well &= put_time();
        well &= put(bytes, piece);
        within_line = !end;
        bytes += piece;
        count -= piece;
    }
    LeaveCriticalSection(&lock);
    return well;
}
