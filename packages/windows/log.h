/* A log file of bounded size, written by several threads: lines with their time, and one earlier file beside it. */
#ifndef LOG_H
#define LOG_H
#include <windows.h>

#define LOG_LIMIT (1024 * 1024) /* bytes; then the file becomes NAME.1, in the place of the earlier one */

/* Name the file. Nothing is opened yet. FALSE: the path is too long. */
BOOL log_to(const wchar_t *path);

/* Write bytes as they come, each line behind its time. FALSE: the file can't be written now (tried again next time). */
BOOL log_write(const char *bytes, DWORD count);
#endif
