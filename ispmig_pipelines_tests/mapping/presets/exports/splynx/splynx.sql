-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: splynx
-- ------------------------------------------------------
/*!50503 SET NAMES utf8mb4 */;

CREATE TABLE `customers` (
  `id` int NOT NULL AUTO_INCREMENT,
  `billing_type` varchar(32) NOT NULL,
  `partner_id` int NOT NULL,
  `location_id` int NOT NULL,
  `added_by` varchar(16) NOT NULL,
  `login` varchar(128) NOT NULL,
  `category` enum('person','company') NOT NULL,
  `name` varchar(255) NOT NULL,
  `email` varchar(255) NOT NULL,
  `billing_email` varchar(255) NOT NULL,
  `phone` varchar(255) NOT NULL,
  `street_1` varchar(255) NOT NULL,
  `zip_code` varchar(20) NOT NULL,
  `city` varchar(255) NOT NULL,
  `status` enum('new','active','blocked','disabled') NOT NULL,
  `date_add` date NOT NULL,
  `last_online` datetime NOT NULL,
  `gps` varchar(100) NOT NULL,
  `deposit` decimal(19,4) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `customers` VALUES (1,'recurring',1,1,'admin','100001','person','Jana Nováková','jana@example.cz','','+420601123456','Dlouhá 12','11000','Praha','active','2021-01-10','2024-02-20 10:00:00','50.087451,14.420671',150.0000),(2,'prepaid_monthly',1,2,'admin','100002','person','Petr O\'Svoboda','petr@example.cz,petr.work@example.cz','ucto@example.cz','601222333','Krátká 3','60200','Brno','active','2021-01-31','0000-00-00 00:00:00','',-49.5000),(3,'recurring',2,2,'api','100003','company','Rychlé Sítě s.r.o.','fakturace@rychle.example','','549123456','Nám. 5','60200','Brno','blocked','0000-00-00','0000-00-00 00:00:00','',-1210.0000),(4,'recurring',1,1,'admin','100004','person','Eva Malá','','','','Nová 7','77900','Olomouc','new','2024-02-01','0000-00-00 00:00:00','',0.0000);

CREATE TABLE `tariffs_internet` (
  `id` int NOT NULL AUTO_INCREMENT,
  `title` varchar(255) NOT NULL,
  `service_name` varchar(255) NOT NULL,
  `price` decimal(19,4) NOT NULL,
  `with_vat` enum('0','1') NOT NULL,
  `vat_percent` decimal(6,4) NOT NULL,
  `speed_download` int NOT NULL,
  `speed_upload` int NOT NULL,
  `speed_limit_at` int NOT NULL,
  `available_for_services` enum('0','1') NOT NULL,
  `priority` varchar(16) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `tariffs_internet` VALUES (1,'Home 100','Internet 100',499.0000,'1',21.0000,102400,20480,10,'1','normal'),(2,'Home 50','Internet 50',299.5000,'1',21.0000,51200,10240,10,'0','normal');

CREATE TABLE `services_internet` (
  `id` int NOT NULL AUTO_INCREMENT,
  `customer_id` int NOT NULL,
  `tariff_id` int NOT NULL,
  `description` varchar(255) NOT NULL,
  `quantity` int NOT NULL,
  `unit_price` decimal(19,4) DEFAULT NULL,
  `start_date` date NOT NULL,
  `end_date` date NOT NULL,
  `discount_percent` decimal(6,4) NOT NULL,
  `discount_start_date` date NOT NULL,
  `discount_end_date` date NOT NULL,
  `discount_text` varchar(255) NOT NULL,
  `status` varchar(32) NOT NULL,
  `router_id` int NOT NULL,
  `login` varchar(255) NOT NULL,
  `password` varchar(255) NOT NULL,
  `taking_ipv4` int NOT NULL,
  `ipv4` varchar(64) NOT NULL,
  `mac` varchar(255) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `services_internet` VALUES (1,1,1,'Internet 100',1,NULL,'2021-01-15','0000-00-00',0.0000,'0000-00-00','0000-00-00','','active',1,'jana.home','j4na',1,'10.1.0.11','00:00:5E:00:53:11,00:00:5E:00:53:12'),(2,2,2,'Internet 50',1,249.0000,'2021-02-01','2024-12-31',10.0000,'2021-02-01','2021-12-31','welcome','stopped',1,'petr.home','p3tr',1,'10.1.0.12','0000.5E00.5313'),(3,3,1,'Internet 100',2,NULL,'2019-06-01','0000-00-00',0.0000,'0000-00-00','0000-00-00','','paused',2,'rs.hq','f1rma',0,'',''),(4,99,1,'Internet 100',1,NULL,'2019-06-01','0000-00-00',0.0000,'0000-00-00','0000-00-00','','active',2,'x','y',0,'','');

CREATE TABLE `invoices` (
  `id` int NOT NULL AUTO_INCREMENT,
  `customer_id` int NOT NULL,
  `number` varchar(64) NOT NULL,
  `date_created` date NOT NULL,
  `real_create_datetime` datetime NOT NULL,
  `date_updated` date NOT NULL,
  `date_payment` date NOT NULL,
  `date_till` date NOT NULL,
  `total` decimal(19,4) NOT NULL,
  `due` decimal(19,4) NOT NULL,
  `status` varchar(16) NOT NULL,
  `note` text,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `invoices` VALUES (11,1,'2024000001','2024-01-01','2024-01-01 02:00:00','2024-01-05','2024-01-05','2024-01-15',499.0000,0.0000,'paid',NULL),(12,2,'2024000002','2024-01-01','2024-01-01 02:00:00','0000-00-00','0000-00-00','2024-01-15',249.0000,49.5000,'not_paid',''),(13,77,'2024000003','2024-01-01','2024-01-01 02:00:00','0000-00-00','0000-00-00','2024-01-15',10.0000,10.0000,'not_paid',''),(14,3,'2024000004','2024-01-01','2024-01-01 02:00:00','0000-00-00','0000-00-00','2024-01-15',1210.0000,0.0000,'deleted','by mistake');

CREATE TABLE `payments` (
  `id` int NOT NULL AUTO_INCREMENT,
  `customer_id` int NOT NULL,
  `invoice_id` int DEFAULT NULL,
  `transaction_id` int DEFAULT NULL,
  `payment_type` int NOT NULL,
  `receipt_number` varchar(64) NOT NULL,
  `date` date NOT NULL,
  `amount` decimal(19,4) NOT NULL,
  `comment` text,
  `added_by` varchar(16) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `payments` VALUES (1,1,11,501,2,'2024-000001','2024-01-05',499.0000,NULL,'admin'),(2,2,12,502,1,'2024-000002','2024-01-10',199.5000,'desk','admin'),(3,3,NULL,503,17,'2024-000003','2024-01-11',100.0000,'','api'),(4,1,99,504,2,'2024-000004','2024-01-12',1.0000,'invoice is gone','admin');

-- Dump completed on 2024-02-21 10:00:00
