-- phpMyAdmin SQL Dump
-- version 5.2.1
-- https://www.phpmyadmin.net/
--
-- Host: localhost:3306
-- Generation Time: Mar 02, 2025 at 09:12 AM
-- Server version: 8.0.40
-- PHP Version: 8.2.27

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";


/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;

--
-- Database: `phpnuxbill`
--

-- --------------------------------------------------------

--
-- Table structure for table `tbl_appconfig`
--

CREATE TABLE `tbl_appconfig` (
  `id` int NOT NULL,
  `setting` mediumtext NOT NULL,
  `value` mediumtext
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_appconfig` (`id`, `setting`, `value`) VALUES
(1, 'CompanyName', 'Ziwa Net'),
(2, 'currency_code', 'Ksh.'),
(3, 'timezone', 'Africa/Nairobi');

-- --------------------------------------------------------

--
-- Table structure for table `tbl_bandwidth`
--

CREATE TABLE `tbl_bandwidth` (
  `id` int UNSIGNED NOT NULL,
  `name_bw` varchar(255) NOT NULL,
  `rate_down` int UNSIGNED NOT NULL,
  `rate_down_unit` enum('Kbps','Mbps') NOT NULL,
  `rate_up` int UNSIGNED NOT NULL,
  `rate_up_unit` enum('Kbps','Mbps') NOT NULL,
  `burst` varchar(128) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_bandwidth` (`id`, `name_bw`, `rate_down`, `rate_down_unit`, `rate_up`, `rate_up_unit`, `burst`) VALUES
(1, '512K', 512, 'Kbps', 256, 'Kbps', ''),
(2, '5M', 5, 'Mbps', 5, 'Mbps', ''),
(3, '10M/2M', 10, 'Mbps', 2048, 'Kbps', '12M/3M 8M/2M 16/16'),
(4, '100M', 100, 'Mbps', 100, 'Mbps', '');

-- --------------------------------------------------------

--
-- Table structure for table `tbl_customers`
--

CREATE TABLE `tbl_customers` (
  `id` int NOT NULL,
  `username` varchar(45) NOT NULL,
  `password` varchar(45) NOT NULL,
  `photo` varchar(128) NOT NULL DEFAULT '/user.default.jpg',
  `pppoe_username` varchar(32) NOT NULL DEFAULT '' COMMENT 'For PPPOE Login',
  `pppoe_password` varchar(45) NOT NULL DEFAULT '' COMMENT 'For PPPOE Login',
  `pppoe_ip` varchar(32) NOT NULL DEFAULT '' COMMENT 'For PPPOE Login',
  `fullname` varchar(45) NOT NULL,
  `address` mediumtext,
  `city` varchar(255) DEFAULT NULL,
  `district` varchar(255) DEFAULT NULL,
  `state` varchar(255) DEFAULT NULL,
  `zip` varchar(10) DEFAULT NULL,
  `phonenumber` varchar(20) DEFAULT '0',
  `email` varchar(128) NOT NULL DEFAULT '1',
  `coordinates` varchar(50) NOT NULL DEFAULT '' COMMENT 'Latitude and Longitude coordinates',
  `account_type` enum('Business','Personal') DEFAULT 'Personal' COMMENT 'For selecting account type',
  `balance` decimal(15,2) NOT NULL DEFAULT '0.00' COMMENT 'For Money Deposit',
  `service_type` enum('Hotspot','PPPoE','VPN','Others') DEFAULT 'Others' COMMENT 'For selecting user type',
  `auto_renewal` tinyint(1) NOT NULL DEFAULT '1' COMMENT 'Auto renewall using balance',
  `status` enum('Active','Banned','Disabled','Inactive','Limited','Suspended') NOT NULL DEFAULT 'Active',
  `created_by` int NOT NULL DEFAULT '0',
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `last_login` datetime DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_customers` (`id`, `username`, `password`, `photo`, `pppoe_username`, `pppoe_password`, `pppoe_ip`, `fullname`, `address`, `city`, `district`, `state`, `zip`, `phonenumber`, `email`, `coordinates`, `account_type`, `balance`, `service_type`, `auto_renewal`, `status`, `created_by`, `created_at`, `last_login`) VALUES
(1, 'achieng', 'lake2021', '/user.default.jpg', 'ppp-achieng', 'xK91mm', '10.20.0.11', 'Achieng Otieno', 'Milimani, Hse 4\r\nopp. Tuskys', 'Kisumu', 'Kisumu Central', 'Nyanza', '40100', '254712000101', 'achieng@example.com', '-0.102210,34.761713', 'Personal', '350.00', 'PPPoE', 1, 'Active', 1, '2021-03-14 08:01:49', '2025-03-01 19:20:00'),
(2, 'mwangi', 'pass,word', '/user.default.jpg', 'mwangi', 'm0y0', '10.20.0.12', 'James O\'Brien Mwangi', 'Kondele \"B\" plot 7', 'Kisumu', NULL, 'Nyanza', '40100', '0712000102', '1', '', 'Personal', '0.00', 'PPPoE', 0, 'Active', 1, '2021-05-02 11:00:00', NULL),
(3, '254712000103', '1234', '/user.default.jpg', '', '1234', '', '254712000103', 'Hotspot', NULL, NULL, NULL, NULL, '254712000103', '254712000103@example.com', '', 'Personal', '3.50', 'Hotspot', 1, 'Active', 0, '2022-12-29 08:01:49', NULL),
(4, 'lakeview', 'Lv!2020', '/user.default.jpg', 'lakeview-ppp', 'corp#77', '10.20.0.14', 'Lakeview Hotel Ltd', 'Oginga Odinga St', 'Kisumu', NULL, 'Nyanza', '40123', '254572000104', 'accounts@lakeview.example', '-0.091702, 34.767956', 'Business', '12500.00', 'PPPoE', 1, 'Active', 2, '2020-07-01 06:30:00', '2025-02-27 10:00:00'),
(5, 'wanjiru', 'w123', '/user.default.jpg', '', 'w123', '', 'Wanjiru K', NULL, NULL, NULL, NULL, NULL, '0', '1', '', 'Personal', '-120.00', 'PPPoE', 1, 'Suspended', 1, '2022-01-10 09:15:00', NULL),
(6, 'barasa', 'bsm', '/user.default.jpg', 'barasa', 'b4r4', '10.20.0.12', 'Peter Barasa', 'Nyalenda', 'Kisumu', NULL, NULL, '', '254712000106', 'barasa@example.com', '', 'Personal', '0.00', 'PPPoE', 1, 'Active', 1, '2022-02-20 12:00:00', NULL),
(7, 'hassan', 'h', '/user.default.jpg', 'hassan', 'h455', '', 'Hassan Ali', 'Bondo rd', 'Kisumu', NULL, NULL, '', '254712000107', '1', '', 'Personal', '100.00', 'PPPoE', 1, 'Banned', 1, '2022-03-03 12:00:00', NULL),
(8, 'njeri', 'nj', '/user.default.jpg', 'njeri', 'njnj', '', 'Njeri Maina', 'Manyatta', 'Kisumu', NULL, NULL, '', '254712000108', 'njeri@example', '', 'Personal', '40.00', 'PPPoE', 1, 'Active', 1, '2022-04-04 12:00:00', NULL),
(9, 'kamau', 'kk', '/user.default.jpg', 'kamau', 'kkkk', '', 'Kamau N', 'Manyatta', 'Kisumu', NULL, NULL, '', '0', '1', '', 'Personal', '0.00', 'PPPoE', 1, 'Disabled', 1, '2019-04-04 12:00:00', NULL),
(10, 'cyber1', 'cy', '/user.default.jpg', '', '', '', 'Cyber One', 'Mega Plaza', 'Kisumu', NULL, NULL, '40100', '254712000110', 'cyber@example.com', '', 'Business', '75.25', 'Hotspot', 1, 'Active', 1, '2023-04-04 12:00:00', NULL),
(11, 'odhiambo', 'od', '/user.default.jpg', 'odhiambo', 'odod', '', 'Tom Odhiambo', 'Dunga', 'Kisumu', NULL, NULL, '', '254712000111', '1', '', 'Personal', '0.00', 'PPPoE', 1, 'Active', 1, '2023-05-04 12:00:00', NULL),
(12, 'atieno', 'at', '/user.default.jpg', 'atieno', 'atat', '', 'Atieno \\ Sons', 'Dunga', 'Kisumu', NULL, NULL, '', '0', '1', '', 'Personal', '0.00', 'PPPoE', 1, 'Inactive', 1, '2023-06-04 12:00:00', NULL);

-- --------------------------------------------------------

--
-- Table structure for table `tbl_payment_gateway`
--

CREATE TABLE `tbl_payment_gateway` (
  `id` int NOT NULL,
  `username` varchar(32) NOT NULL,
  `gateway` varchar(32) NOT NULL COMMENT 'xendit | midtrans',
  `gateway_trx_id` varchar(64) NOT NULL DEFAULT '',
  `plan_id` int NOT NULL,
  `plan_name` varchar(40) NOT NULL,
  `price` varchar(40) NOT NULL,
  `payment_method` varchar(32) NOT NULL DEFAULT '',
  `created_date` datetime NOT NULL,
  `paid_date` datetime DEFAULT NULL,
  `status` tinyint(1) NOT NULL DEFAULT '1' COMMENT '1 unpaid 2 paid 3 failed 4 canceled'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_payment_gateway` (`id`, `username`, `gateway`, `gateway_trx_id`, `plan_id`, `plan_name`, `price`, `payment_method`, `created_date`, `paid_date`, `status`) VALUES
(1, 'achieng', 'MpesatillStk', 'SLT3940KQJ', 2, 'Home 5M', '1500', 'Mpesa Stk Push', '2025-02-10 10:00:01', '2025-02-10 10:00:40', 2),
(2, 'mwangi', 'MpesatillStk', '', 2, 'Home 5M', '1500', 'Mpesa Stk Push', '2025-02-11 10:00:01', NULL, 4);

-- --------------------------------------------------------

--
-- Table structure for table `tbl_plans`
--

CREATE TABLE `tbl_plans` (
  `id` int NOT NULL,
  `name_plan` varchar(40) NOT NULL,
  `id_bw` int NOT NULL,
  `price` varchar(40) NOT NULL,
  `price_old` varchar(40) NOT NULL DEFAULT '',
  `type` enum('Hotspot','PPPOE','VPN','Balance') NOT NULL,
  `typebp` enum('Unlimited','Limited') DEFAULT NULL,
  `limit_type` enum('Time_Limit','Data_Limit','Both_Limit') DEFAULT NULL,
  `time_limit` int UNSIGNED DEFAULT NULL,
  `time_unit` enum('Mins','Hrs') DEFAULT NULL,
  `data_limit` int UNSIGNED DEFAULT NULL,
  `data_unit` enum('MB','GB') DEFAULT NULL,
  `validity` int NOT NULL,
  `validity_unit` enum('Mins','Hrs','Days','Months','Period') NOT NULL,
  `shared_users` int DEFAULT NULL,
  `routers` varchar(32) NOT NULL,
  `is_radius` tinyint(1) NOT NULL DEFAULT '0' COMMENT '1 is radius',
  `pool` varchar(40) DEFAULT NULL,
  `enabled` tinyint(1) NOT NULL DEFAULT '1' COMMENT '0 disabled\r\n',
  `prepaid` enum('yes','no') DEFAULT 'yes' COMMENT 'is prepaid',
  `plan_type` enum('Business','Personal') DEFAULT 'Personal'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_plans` (`id`, `name_plan`, `id_bw`, `price`, `price_old`, `type`, `typebp`, `limit_type`, `time_limit`, `time_unit`, `data_limit`, `data_unit`, `validity`, `validity_unit`, `shared_users`, `routers`, `is_radius`, `pool`, `enabled`, `prepaid`, `plan_type`) VALUES
(1, '1 hour', 1, '10', '', 'Hotspot', 'Unlimited', 'Time_Limit', 0, 'Hrs', 0, 'MB', 6, 'Hrs', 1, 'Router1', 0, NULL, 1, 'yes', 'Personal'),
(2, 'Home 5M', 2, '1500', '', 'PPPOE', 'Unlimited', 'Time_Limit', 0, 'Hrs', 0, 'MB', 30, 'Days', 1, 'Router1', 0, 'pppoe-pool', 1, 'yes', 'Personal'),
(3, 'Home 10M', 3, '2499.50', '2999', 'PPPOE', 'Limited', 'Data_Limit', 0, 'Hrs', 200, 'GB', 1, 'Months', 1, 'Router1', 0, 'pppoe-pool', 1, 'yes', 'Personal'),
(4, 'Biz 100M', 4, '15000', '', 'PPPOE', NULL, NULL, NULL, NULL, NULL, NULL, 1, 'Period', 3, 'Router2', 0, 'biz-pool', 1, 'no', 'Business'),
(5, 'Topup 500', 0, '500', '', 'Balance', NULL, NULL, NULL, NULL, NULL, NULL, 0, 'Months', NULL, '', 0, NULL, 1, 'yes', 'Personal'),
(6, 'Old 2M', 9, '900', '', 'PPPOE', 'Unlimited', 'Time_Limit', 0, 'Hrs', 0, 'MB', 45, 'Mins', 1, 'Router1', 0, 'pppoe-pool', 0, 'yes', 'Personal');

-- --------------------------------------------------------

--
-- Table structure for table `tbl_pool`
--

CREATE TABLE `tbl_pool` (
  `id` int NOT NULL,
  `pool_name` varchar(40) NOT NULL,
  `local_ip` varchar(40) NOT NULL DEFAULT '',
  `range_ip` varchar(40) NOT NULL,
  `routers` varchar(40) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_pool` (`id`, `pool_name`, `local_ip`, `range_ip`, `routers`) VALUES
(1, 'pppoe-pool', '10.20.0.1', '10.20.1.2-10.20.1.254', 'Router1'),
(2, 'biz-pool', '', '10.30.0.2-10.30.0.62', 'Router2');

-- --------------------------------------------------------

--
-- Table structure for table `tbl_routers`
--

CREATE TABLE `tbl_routers` (
  `id` int NOT NULL,
  `name` varchar(32) NOT NULL,
  `ip_address` varchar(128) NOT NULL,
  `username` varchar(50) NOT NULL,
  `password` varchar(60) NOT NULL,
  `description` varchar(256) DEFAULT NULL,
  `enabled` tinyint(1) NOT NULL DEFAULT '1' COMMENT '0 disabled'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_routers` (`id`, `name`, `ip_address`, `username`, `password`, `description`, `enabled`) VALUES
(1, 'Router1', '10.7.0.2:8728', 'api', 'R0uter-One', 'Town mast', 1),
(2, 'Router2', 'vpn.ziwa.example', 'api', 'R0uter-Two', '', 0);

-- --------------------------------------------------------

--
-- Table structure for table `tbl_transactions`
--

CREATE TABLE `tbl_transactions` (
  `id` int NOT NULL,
  `invoice` varchar(25) NOT NULL,
  `username` varchar(32) NOT NULL,
  `user_id` int DEFAULT NULL,
  `plan_name` varchar(40) NOT NULL,
  `price` varchar(40) NOT NULL,
  `recharged_on` date NOT NULL,
  `recharged_time` time NOT NULL DEFAULT '00:00:00',
  `expiration` date NOT NULL,
  `time` time NOT NULL,
  `method` varchar(128) NOT NULL,
  `routers` varchar(32) NOT NULL,
  `type` enum('Hotspot','PPPOE','VPN','Balance') NOT NULL,
  `note` varchar(256) NOT NULL DEFAULT '' COMMENT 'for note',
  `admin_id` int NOT NULL DEFAULT '1'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_transactions` (`id`, `invoice`, `username`, `user_id`, `plan_name`, `price`, `recharged_on`, `recharged_time`, `expiration`, `time`, `method`, `routers`, `type`, `note`, `admin_id`) VALUES
(1, 'INV-1', 'achieng', NULL, 'Home 5M', '1500', '2025-01-10', '08:05:01', '2025-02-09', '08:05:01', 'MpesatillStk - STK-Push', 'Router1', 'PPPOE', '', 0),
(2, 'INV-2', 'achieng', 1, 'Home 5M', '1500', '2025-02-10', '10:00:40', '2025-03-12', '10:00:40', 'MpesatillStk - STK-Push', 'Router1', 'PPPOE', '', 0),
(3, 'INV-3', 'mwangi', 2, 'Home 10M', '2499.50', '2025-02-01', '21:28:50', '2025-03-01', '21:28:50', 'Recharge - Administrator', 'Router1', 'PPPOE', 'paid at the office', 1),
(4, 'INV-4', '254712000103', 3, '1 hour', '10', '2025-02-28', '21:38:21', '2025-03-01', '03:38:21', 'Voucher - VCH8812', 'Router1', 'Hotspot', '', 0),
(5, 'INV-5', 'lakeview', 4, 'Biz 100M', '15000', '2025-02-01', '00:00:00', '2025-03-01', '23:59:00', 'Recharge Balance - Administrator', 'Router2', 'PPPOE', '', 1),
(6, 'INV-6', 'lakeview', 4, 'Topup 500', '500', '2025-02-14', '12:00:00', '2025-02-14', '12:00:00', 'Recharge - Administrator', '', 'Balance', '', 1),
(7, 'INV-7', 'deleted-user', 99, 'Home 5M', '1500', '2024-02-14', '12:00:00', '2024-03-14', '12:00:00', 'Recharge - Administrator', 'Router1', 'PPPOE', '', 1),
(8, 'INV-8', 'barasa', 6, 'Home 5M', '', '2025-02-15', '12:00:00', '2025-03-15', '12:00:00', 'Recharge Zero - Administrator', 'Router1', 'PPPOE', '', 1),
(9, 'INV-9', 'hassan', 7, 'Home 5M', '1500', '0000-00-00', '00:00:00', '2025-03-15', '12:00:00', 'Customer - Balance', 'Router1', 'PPPOE', '', 1);

-- --------------------------------------------------------

--
-- Table structure for table `tbl_users`
--

CREATE TABLE `tbl_users` (
  `id` int UNSIGNED NOT NULL,
  `root` int NOT NULL DEFAULT '0' COMMENT 'for sub account',
  `username` varchar(45) NOT NULL DEFAULT '',
  `fullname` varchar(45) NOT NULL DEFAULT '',
  `password` varchar(64) NOT NULL,
  `phone` varchar(32) NOT NULL DEFAULT '',
  `email` varchar(128) NOT NULL DEFAULT '',
  `user_type` enum('SuperAdmin','Admin','Report','Agent','Sales') NOT NULL,
  `status` enum('Active','Inactive') NOT NULL DEFAULT 'Active',
  `last_login` datetime DEFAULT NULL,
  `creationdate` datetime NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_users` (`id`, `root`, `username`, `fullname`, `password`, `phone`, `email`, `user_type`, `status`, `last_login`, `creationdate`) VALUES
(1, 0, 'admin', 'Administrator', 'b1b3773a05c0ed0176787a4f1574ff0075f7521e', '', '', 'SuperAdmin', 'Active', '2025-03-01 14:56:18', '2014-06-23 01:43:07'),
(2, 1, 'desk', 'Front Desk', '7c4a8d09ca3762af61e59520943dc26494f8941b', '0712999999', 'desk@ziwa.example', 'Sales', 'Active', NULL, '2020-06-23 01:43:07');

-- --------------------------------------------------------

--
-- Table structure for table `tbl_user_recharges`
--

CREATE TABLE `tbl_user_recharges` (
  `id` int NOT NULL,
  `customer_id` int NOT NULL,
  `username` varchar(32) NOT NULL,
  `plan_id` int NOT NULL,
  `namebp` varchar(40) NOT NULL,
  `recharged_on` date NOT NULL,
  `recharged_time` time NOT NULL DEFAULT '00:00:00',
  `expiration` date NOT NULL,
  `time` time NOT NULL,
  `status` varchar(20) NOT NULL,
  `method` varchar(128) NOT NULL DEFAULT '',
  `routers` varchar(32) NOT NULL,
  `type` varchar(15) NOT NULL,
  `admin_id` int NOT NULL DEFAULT '1'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO `tbl_user_recharges` (`id`, `customer_id`, `username`, `plan_id`, `namebp`, `recharged_on`, `recharged_time`, `expiration`, `time`, `status`, `method`, `routers`, `type`, `admin_id`) VALUES
(1, 1, 'achieng', 2, 'Home 5M', '2025-02-10', '10:00:40', '2025-03-12', '10:00:40', 'on', 'MpesatillStk - STK-Push', 'Router1', 'PPPOE', 0),
(2, 2, 'mwangi', 3, 'Home 10M', '2025-02-01', '21:28:50', '2025-03-01', '21:28:50', 'off', 'Recharge - Administrator', 'Router1', 'PPPOE', 1),
(3, 3, '254712000103', 1, '1 hour', '2025-02-28', '21:38:21', '2025-03-01', '03:38:21', 'off', 'Voucher - VCH8812', 'Router1', 'Hotspot', 0),
(4, 4, 'lakeview', 4, 'Biz 100M', '2025-02-01', '00:00:00', '2025-03-01', '23:59:00', 'on', 'Recharge Balance - Administrator', 'Router2', 'PPPOE', 1),
(5, 4, 'lakeview', 1, '1 hour', '2025-02-02', '09:00:00', '2025-02-02', '15:00:00', 'off', 'Recharge - Administrator', 'Router1', 'Hotspot', 1),
(6, 5, 'wanjiru', 2, 'Home 5M', '2024-11-01', '09:00:00', '2024-12-01', '09:00:00', 'off', 'Recharge - Administrator', 'Router1', 'PPPOE', 1),
(7, 6, 'barasa', 2, 'Home 5M', '2025-02-15', '12:00:00', '2025-03-15', '12:00:00', 'on', 'Recharge Zero - Administrator', 'Router1', 'PPPOE', 1),
(8, 7, 'hassan', 2, 'Home 5M', '0000-00-00', '00:00:00', '0000-00-00', '00:00:00', 'on', 'Customer - Balance', 'Router1', 'PPPOE', 1),
(9, 99, 'deleted-user', 2, 'Home 5M', '2024-02-14', '12:00:00', '2024-03-14', '12:00:00', 'off', 'Recharge - Administrator', 'Router1', 'PPPOE', 1),
(10, 11, 'odhiambo', 77, 'Gone plan', '2024-02-14', '12:00:00', '0000-00-00', '12:00:00', 'off', 'Recharge - Administrator', 'Router1', 'PPPOE', 1),
(11, 10, 'cyber1', 1, '1 hour', '2025-02-28', '08:00:00', '2025-02-28', '14:00:00', 'off', 'Recharge - Administrator', 'Router1', 'Hotspot', 1);
COMMIT;
